/* Convolution with every weight stored. */
#include "eit_conv_row.h"

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

void eit_conv_dense_1(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_CONV_ROW(tile, stage, arena, y, 1u)
}

void eit_conv_dense_2(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_CONV_ROW(tile, stage, arena, y, 2u)
}

void eit_conv_dense_any(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_CONV_ROW(tile, stage, arena, y, 0u)
}
