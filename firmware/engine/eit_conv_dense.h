/* Convolution with every weight stored; included once per distance of pixels. */
#ifndef EIT_CONV_DENSE_H
#define EIT_CONV_DENSE_H

#include "eit_conv.h"

EIT_INLINE void tile(const uint32_t n, const eit_row_job *job, uint32_t x0, const uint32_t step)
{
    const int8_t *w = (const int8_t *)job->weights;
    const uint8_t *in = job->in + x0 * step;
    const uint32_t *last = job->taps + job->count;
    uint8_t *out = job->row + x0;
    for (uint32_t channel = job->first; channel < job->end; channel++) {
        const eit_channel k = eit_channel_of(job->out, channel, EIT_CONV);
        int32_t acc[EIT_TILE];
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[i] = k.bias;
        }
        for (const uint32_t *tap = job->taps; tap != last; tap++) {
            const uint8_t *x = in + *tap;
            const int32_t weight = *w++;
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] += weight * x[i * step];
            }
        }
        eit_finish(&k, acc, n, out);
        out += job->out_plane;
    }
}

#endif
