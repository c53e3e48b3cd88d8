/*
 * 1x1 convolution that walks the weights that are not zero.
 *
 * Per output channel the code holds its shift (see eit_requant) and runs: a count of pairs (255: another run follows), then per pair three bytes: how
 * many input channels to step forward before the first weight (low four bits) and before the second (high four bits), then
 * the two int8 weights. The first step of a channel starts at input channel 0. A weight of zero fills what steps of at
 * most 15 leave over.
 */
#include "eit_pointwise_row.h"

EIT_INLINE void tile(const uint32_t n, uint32_t x0, const eit_pointwise *p, const uint8_t *in, uint32_t in_plane,
                     uint32_t in_channels, uint8_t *out, uint32_t out_plane, uint32_t channels)
{
    (void)in_channels; /* the code says how far to go */
    const uint8_t *code = p->weights;
    in += x0;
    out += x0;
    for (const eit_affine *affine = p->out.channels, *last = affine + channels; affine != last; affine++) {
        int32_t acc[EIT_TILE];
        const uint8_t *x = in;
        const int32_t bias = affine->bias;
        const uint32_t shift = *code++;
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
                x += (steps & 15u) * in_plane;
                EIT_UNROLL
                for (uint32_t i = 0; i < n; i++) {
                    acc[i] += first * x[i];
                }
                x += (steps >> 4) * in_plane;
                EIT_UNROLL
                for (uint32_t i = 0; i < n; i++) {
                    acc[i] += second * x[i];
                }
            }
        } while (run == 255u);
        eit_finish(&p->out, affine->multiplier, shift, acc, n, out);
        out += out_plane;
    }
}

void eit_pointwise_sparse(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_POINTWISE_ROW(tile, stage, arena, y)
}
