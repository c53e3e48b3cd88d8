/* Convolution that walks the weights that are not zero; the encoding is eit_pointwise_sparse.c's. */
#include "eit_conv_row.h"

EIT_INLINE void tile(const uint32_t n, uint32_t x0, const uint32_t stride, const eit_conv *p, const uint32_t *taps,
                     uint32_t count, const uint8_t *in, const eit_tensor *output, uint8_t *out)
{
    (void)count; /* the code says how far to go */
    const uint8_t *code = p->weights;
    in += x0 * stride;
    out += x0;
    for (const eit_affine *affine = p->out.channels, *last = affine + output->channels; affine != last; affine++) {
        int32_t acc[EIT_TILE];
        const uint32_t *tap = taps;
        const int32_t bias = affine->bias;
        const uint32_t shift = (uint8_t)*code++;
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
        eit_finish(&p->out, affine->multiplier, shift, acc, n, out);
        out += output->plane;
    }
}

void eit_conv_sparse_1(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_CONV_ROW(tile, stage, arena, y, 1u)
}

void eit_conv_sparse_2(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_CONV_ROW(tile, stage, arena, y, 2u)
}

void eit_conv_sparse_any(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_CONV_ROW(tile, stage, arena, y, 0u)
}
