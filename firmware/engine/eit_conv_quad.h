/* Convolution with every weight stored, four output channels at a time; included once per distance of pixels. */
#ifndef EIT_CONV_QUAD_H
#define EIT_CONV_QUAD_H

#include "eit_conv.h"
#include "eit_quad.h"

EIT_INLINE void tile(const uint32_t n, const eit_row_job *job, uint32_t x0, const uint32_t step)
{
    const int8_t *w = (const int8_t *)job->weights;
    const uint8_t *in = job->in + x0 * step;
    const uint32_t *last = job->taps + job->count;
    uint8_t *out = job->row + x0;
    for (uint32_t channel = job->first; channel < job->end; channel += EIT_QUAD) {
        int32_t acc[EIT_QUAD][EIT_QUAD];
        eit_quad_start(acc, n);
        for (const uint32_t *tap = job->taps; tap != last; tap++) {
            eit_quad_add(acc, n, w, in + *tap, step);
            w += EIT_QUAD;
        }
        eit_quad_finish(acc, n, job, channel, out, EIT_CONV);
        out += EIT_QUAD * job->out_plane;
    }
}

#endif
