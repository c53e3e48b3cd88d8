/* 1x1 convolution with every weight stored: per output channel int8 [input channel]. */
#include "eit_pointwise.h"

EIT_INLINE void tile(const uint32_t n, const eit_row_job *job, uint32_t x0, const uint32_t step)
{
    const int8_t *w = (const int8_t *)job->weights;
    const uint8_t *in = job->in + x0 * step;
    const uint32_t in_plane = job->in_plane;
    uint8_t *out = job->row + x0;
    for (uint32_t channel = job->first; channel < job->end; channel++) {
        const eit_channel k = eit_channel_of(job->out, channel, EIT_POINTWISE);
        const uint8_t *x = in;
        int32_t acc[EIT_TILE];
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[i] = k.bias;
        }
        for (const int8_t *end = w + (job->count & ~1u); w != end; w += 2) {
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
        if ((job->count & 1u) != 0u) {
            const int32_t first = *w++;
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] += first * x[i];
            }
        }
        eit_finish(&k, acc, n, out);
        out += job->out_plane;
    }
}

EIT_TILES_OF(eit_pointwise_dense, tile, 1u)
