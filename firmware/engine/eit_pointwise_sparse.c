/*
 * 1x1 convolution that walks the weights that are not zero.
 *
 * Per output channel the code holds how many weights follow. Where they are odd the first has two bytes: how many input
 * channels to step forward before it, and the int8 weight. Then come pairs of three bytes: the steps before the first
 * (low four bits) and the second (high four bits) weight, and the two weights. 254 stands for 127 pairs with another
 * such count behind them. Steps start at input channel 0; a weight of zero fills what steps of at most 15 leave over.
 */
#include "eit_pointwise.h"

EIT_INLINE void tile(const uint32_t n, const eit_row_job *job, uint32_t x0, const uint32_t step)
{
    const uint8_t *code = job->weights;
    const uint8_t *in = job->in + x0 * step;
    const uint32_t in_plane = job->in_plane;
    uint8_t *out = job->row + x0;
    for (uint32_t channel = job->first; channel < job->end; channel++) {
        const eit_channel k = eit_channel_of(job->out, channel, EIT_POINTWISE);
        const uint8_t *x = in;
        uint32_t run = *code++;
        int32_t acc[EIT_TILE];
        if ((run & 1u) != 0u) {
            const int32_t weight = (int8_t)code[1];
            x += code[0] * in_plane;
            code += 2;
            EIT_UNROLL
            for (uint32_t i = 0; i < n; i++) {
                acc[i] = k.bias + weight * x[i];
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
                x += (steps & EIT_MAX_STEP) * in_plane;
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
            if (run != EIT_MAX_RUN) {
                break;
            }
            run = *code++;
        }
        eit_finish(&k, acc, n, out);
        out += job->out_plane;
    }
}

EIT_TILES_OF(eit_pointwise_sparse, tile, 1u)
