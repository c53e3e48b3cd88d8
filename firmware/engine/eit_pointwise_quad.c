/* 1x1 convolution with every weight stored, four output channels at a time: for them int8 [input channel][4]. */
#include "eit_pointwise.h"
#include "eit_quad.h"

EIT_INLINE void tile(const uint32_t n, const eit_row_job *job, uint32_t x0, const uint32_t step)
{
    const int8_t *w = (const int8_t *)job->weights;
    const uint8_t *in = job->in + x0 * step;
    uint8_t *out = job->row + x0;
    for (uint32_t channel = job->first; channel < job->end; channel += EIT_QUAD) {
        const uint8_t *x = in;
        int32_t acc[EIT_QUAD][EIT_QUAD];
        eit_quad_start(acc, n);
        for (const int8_t *end = w + EIT_QUAD * job->count; w != end; w += EIT_QUAD) {
            eit_quad_add(acc, n, w, x, step);
            x += job->in_plane;
        }
        eit_quad_finish(acc, n, job, channel, out, EIT_POINTWISE);
        out += EIT_QUAD * job->out_plane;
    }
}

EIT_QUADS_OF(eit_pointwise_quad, tile, 1u)
