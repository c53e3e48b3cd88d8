/* Convolution with every weight stored. */
#include "eit_conv.h"
#include "eit_requant.h"
#include "eit_tiles.h"

EIT_INLINE void tile(const uint32_t n, uint32_t x0, const uint32_t stride, const eit_conv *p, const uint32_t *taps,
                     uint32_t count, const uint8_t *in, const eit_tensor *output, uint8_t *out)
{
    const int8_t *w = (const int8_t *)p->weights;
    in += x0 * stride;
    out += x0;
    for (const eit_affine *affine = p->out.channels, *last = affine + output->channels; affine != last; affine++) {
        int32_t acc[EIT_TILE];
        const int32_t bias = affine->bias;
        const uint32_t shift = (uint8_t)*w++;
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[i] = bias;
        }
        for (const uint32_t *tap = taps, *end = taps + count; tap != end; tap++) {
            const uint8_t *x = in + *tap;
            const int32_t weight = *w++;
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] += weight * x[i * stride];
            }
        }
        eit_finish(&p->out, affine->multiplier, shift, acc, n, out);
        out += output->plane;
    }
}

EIT_INLINE void row(const eit_stage *stage, uint8_t *arena, uint32_t y, const uint32_t stride)
{
    const eit_conv *p = stage->params;
    const eit_tensor *output = stage->output;
    const uint32_t *taps = eit_conv_taps(stage, p, arena, y);
    const uint32_t count = (uint32_t)stage->input[0].kernel * p->kernel_width * stage->input[0].tensor->channels;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left;
    const uint32_t width = output->width;
    if (stride != 0u) {
        EIT_FOR_TILES(tile, width, stride, p, taps, count, arena, output, out)
    } else {
        for (uint32_t x = 0; x < width; x++) {
            tile(1u, x, p->stride, p, taps, count, arena, output, out);
        }
    }
    if (p->out.low != 0u) {
        eit_raise(output, eit_row(output, arena, y), p->out.low);
    }
}

void eit_conv_dense_1(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    row(stage, arena, y, 1u);
}

void eit_conv_dense_2(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    row(stage, arena, y, 2u);
}

void eit_conv_dense_any(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    row(stage, arena, y, 0u);
}
