/* Convolution that walks the weights that are not zero; the encoding is eit_pointwise_sparse.c's. */
#include "eit_conv.h"
#include "eit_requant.h"
#include "eit_tiles.h"

EIT_INLINE void tile(const uint32_t n, uint32_t x0, const uint32_t stride, const eit_conv *p, const uint32_t *taps,
                     const uint8_t *in, const eit_tensor *output, uint8_t *out)
{
    const uint8_t *code = p->weights;
    in += x0 * stride;
    out += x0;
    for (uint32_t channel = 0; channel < output->channels; channel++) {
        int32_t acc[EIT_TILE];
        const uint32_t *tap = taps;
        const int32_t bias = p->out.bias[channel];
        uint32_t run;
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[i] = bias;
        }
        do {
            run = *code++;
            for (const uint8_t *end = code + 3u * run; code != end; code += 3) {
                const uint32_t steps = code[0];
                const int32_t first = (int8_t)code[1];
                const int32_t second = (int8_t)code[2];
                const uint8_t *x;
                tap += steps & 15u;
                x = in + *tap;
                EIT_UNROLL
                for (uint32_t i = 0; i < n; i++) {
                    acc[i] += first * x[i * stride];
                }
                tap += steps >> 4;
                x = in + *tap;
                EIT_UNROLL
                for (uint32_t i = 0; i < n; i++) {
                    acc[i] += second * x[i * stride];
                }
            }
        } while (run == 255u);
        eit_finish(&p->out, channel, acc, n, out);
        out += output->plane;
    }
}

void eit_conv_sparse(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    const eit_conv *p = stage->params;
    const eit_tensor *output = stage->output;
    const uint32_t *taps = eit_conv_taps(stage, p, arena, y);
    uint8_t *out = eit_row(output, arena, y) + output->pad_left;
    const uint32_t width = output->width;
    if (p->stride == 1u) {
        EIT_FOR_TILES(tile, width, 1u, p, taps, arena, output, out)
    } else if (p->stride == 2u) {
        EIT_FOR_TILES(tile, width, 2u, p, taps, arena, output, out)
    } else {
        for (uint32_t x = 0; x < width; x++) {
            tile(1u, x, p->stride, p, taps, arena, output, out);
        }
    }
}
