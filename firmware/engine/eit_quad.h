/*
 * Tiles of four output channels, where every weight is stored: a pixel is loaded once for all four. Weights lie tap by
 * tap, four channels side by side. Included by the files that bring the loop over the taps.
 */
#ifndef EIT_QUAD_H
#define EIT_QUAD_H

#include "eit_tiles.h"

/* Accumulators of `n` pixels; the biases come last, where the rest of a channel's constants is read. */
EIT_INLINE void eit_quad_start(int32_t acc[EIT_QUAD][EIT_QUAD], const uint32_t n)
{
    EIT_UNROLL
    for (uint32_t j = 0; j < EIT_QUAD; j++) {
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[j][i] = 0;
        }
    }
}

/* One tap: its four weights, and the first of its pixels. */
EIT_INLINE void eit_quad_add(int32_t acc[EIT_QUAD][EIT_QUAD], const uint32_t n, const int8_t *w, const uint8_t *x,
                             const uint32_t step)
{
    EIT_UNROLL
    for (uint32_t i = 0; i < n; i++) {
        const int32_t value = x[i * step];
        EIT_UNROLL
        for (uint32_t j = 0; j < EIT_QUAD; j++) {
            acc[j][i] += w[j] * value;
        }
    }
}

/* To bytes, channel after channel: through memory, so that the code for a channel is there once. */
EIT_INLINE void eit_quad_finish(int32_t acc[EIT_QUAD][EIT_QUAD], const uint32_t n, const eit_row_job *job,
                                uint32_t channel, uint8_t *out, const uint32_t uses)
{
    int32_t sums[EIT_QUAD][EIT_QUAD];
    EIT_UNROLL
    for (uint32_t j = 0; j < EIT_QUAD; j++) {
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            sums[j][i] = acc[j][i];
        }
    }
    for (uint32_t j = 0; j < EIT_QUAD; j++) {
        const eit_channel k = eit_channel_of(job->out, channel + j, uses);
        int32_t sum[EIT_QUAD];
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            sum[i] = sums[j][i] + k.bias;
        }
        eit_finish(&k, sum, n, out);
        out += job->out_plane;
    }
}

/* Defines the functions name_1 .. name_4 from `tile(n, job, x, step)`; where registers are few wide ones are two. */
#if defined(__XTENSA__)
#define EIT_QUAD_OF(n, rest, name, tile, step)                                                                         \
    void name##_##n(const eit_row_job *job, uint32_t x)                                                                \
    {                                                                                                                  \
        name##_2(job, x);                                                                                              \
        name##_##rest(job, x + 2u);                                                                                    \
    }
#else
#define EIT_QUAD_OF(n, rest, name, tile, step) EIT_TILE_OF(n, name, tile, step)
#endif
#define EIT_QUADS_OF(name, tile, step)                                                                                 \
    EIT_TILE_OF(1, name, tile, step)                                                                                   \
    EIT_TILE_OF(2, name, tile, step)                                                                                   \
    EIT_QUAD_OF(3, 1, name, tile, step)                                                                                \
    EIT_QUAD_OF(4, 2, name, tile, step)

#endif
