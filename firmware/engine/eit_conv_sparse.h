/* Convolution that walks the weights that are not zero, as eit_pointwise_sparse.c; included once per distance of
 * pixels. */
#ifndef EIT_CONV_SPARSE_H
#define EIT_CONV_SPARSE_H

#include "eit_conv.h"

EIT_INLINE void tile(const uint32_t n, const eit_row_job *job, uint32_t x0, const uint32_t step)
{
    const uint8_t *code = job->weights;
    const uint8_t *in = job->in + x0 * step;
    uint8_t *out = job->row + x0;
    for (uint32_t channel = job->first; channel < job->end; channel++) {
        const eit_channel k = eit_channel_of(job->out, channel, EIT_CONV);
        const uint32_t *tap = job->taps;
        uint32_t run = *code++;
        int32_t acc[EIT_TILE];
        if ((run & 1u) != 0u) {
            const int32_t weight = (int8_t)code[1];
            const uint8_t *x;
            tap += code[0];
            x = in + *tap;
            code += 2;
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] = k.bias + weight * x[i * step];
            }
        } else {
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] = k.bias;
            }
        }
        for (;;) {
            for (const uint8_t *end = code + 3u * (run >> 1); code != end; code += 3) {
                const uint32_t steps = code[0];
                const int32_t first = (int8_t)code[1];
                const int32_t second = (int8_t)code[2];
                const uint8_t *x;
                tap += steps & EIT_MAX_STEP;
                x = in + *tap;
                EIT_UNROLL
                for (uint32_t i = 0; i < n; i++) {
                    acc[i] += first * x[i * step];
                }
                tap += steps >> 4;
                x = in + *tap;
                EIT_UNROLL
                for (uint32_t i = 0; i < n; i++) {
                    acc[i] += second * x[i * step];
                }
            }
            if (run != EIT_MAX_RUN) {
                break;
            }
            run = *code++;
        }
        eit_finish(&k, acc, n, out);
        out += job->out_plane;
    }
}

#endif
