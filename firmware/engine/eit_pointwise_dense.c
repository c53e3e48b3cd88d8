/* 1x1 convolution with every weight stored: per output channel its shift (see eit_requant) and int8 [input channel]. */
#include "eit_pointwise_row.h"

EIT_INLINE void tile(const uint32_t n, uint32_t x0, const eit_pointwise *p, const uint8_t *in, uint32_t in_plane,
                     uint32_t in_channels, uint8_t *out, uint32_t out_plane, uint32_t channels)
{
    const int8_t *w = (const int8_t *)p->weights;
    in += x0;
    out += x0;
    for (const eit_affine *affine = p->out.channels, *last = affine + channels; affine != last; affine++) {
        int32_t acc[EIT_TILE];
        const uint8_t *x = in;
        const int32_t bias = affine->bias;
        const uint32_t shift = (uint8_t)*w++;
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[i] = bias;
        }
        for (const int8_t *end = w + (in_channels & ~1u); w != end; w += 2) {
            const int32_t first = w[0];
            const int32_t second = w[1];
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] += first * x[i];
            }
            x += in_plane;
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] += second * x[i];
            }
            x += in_plane;
        }
        if ((in_channels & 1u) != 0u) {
            const int32_t first = *w++;
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] += first * x[i];
            }
        }
        eit_finish(&p->out, affine->multiplier, shift, acc, n, out);
        out += out_plane;
    }
}

void eit_pointwise_dense(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_POINTWISE_ROW(tile, stage, arena, y)
}
