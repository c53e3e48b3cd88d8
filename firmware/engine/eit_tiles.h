/*
 * Rows in tiles of a few pixels. A tile's width is a constant, so that its accumulators live in registers; each width
 * is a function of its own, so that a model is linked with those it names only.
 */
#ifndef EIT_TILES_H
#define EIT_TILES_H

#include "eit_requant.h"

#define EIT_TILE 12u     /* the widest */
#define EIT_QUAD 4u      /* the widest of four channels at a time, and how many channels */
#define EIT_MAX_STEP 15u /* weights that a sparse one lies behind the one before, at most */
#define EIT_MAX_RUN 254u /* sparse weights before another count */

/* What all tiles of a row have in common. */
typedef struct {
    const eit_requant *out;
    const uint8_t *weights; /* of channel `first` */
    const uint8_t *in;      /* pixel 0; of a convolution the arena */
    const uint32_t *taps;   /* of a convolution, see eit_conv_taps */
    uint32_t in_plane;      /* of a 1x1 convolution, from an input channel to the next */
    uint32_t step;          /* of a convolution, bytes from a pixel's input to the next one's */
    uint32_t count;         /* weights of a channel */
    uint8_t *row;           /* channel `first`, pixel 0 */
    uint32_t out_plane;
    uint32_t first, end; /* output channels */
} eit_row_job;

/* Pixels x..x+width-1 of a row. */
typedef void (*eit_tile_function)(const eit_row_job *job, uint32_t x);

/* `count` tiles side by side. A row's list ends with a null function. */
typedef struct {
    eit_tile_function function;
    uint16_t width, count;
} eit_tiles;

EIT_INLINE void eit_run_tiles(const eit_tiles *tiles, const eit_row_job *job)
{
    uint32_t x = 0;
    for (; tiles->function != 0; tiles++) {
        for (uint32_t i = 0; i < tiles->count; i++) {
            tiles->function(job, x);
            x += tiles->width;
        }
    }
}

/* Defines the functions name_1 .. name_12 from `tile(n, job, x, step)`; where registers are few wide ones are two. */
#define EIT_TILE_OF(n, name, tile, step)                                                                               \
    void name##_##n(const eit_row_job *job, uint32_t x)                                                                \
    {                                                                                                                  \
        tile(n##u, job, x, step);                                                                                      \
    }
#if defined(__XTENSA__)
#define EIT_WIDE_TILE_OF(n, half, name, tile, step)                                                                    \
    void name##_##n(const eit_row_job *job, uint32_t x)                                                                \
    {                                                                                                                  \
        name##_##half(job, x);                                                                                         \
        name##_##half(job, x + half##u);                                                                               \
    }
#else
#define EIT_WIDE_TILE_OF(n, half, name, tile, step) EIT_TILE_OF(n, name, tile, step)
#endif
#define EIT_TILES_OF(name, tile, step)                                                                                 \
    EIT_TILE_OF(1, name, tile, step)                                                                                   \
    EIT_TILE_OF(2, name, tile, step)                                                                                   \
    EIT_TILE_OF(3, name, tile, step)                                                                                   \
    EIT_TILE_OF(4, name, tile, step)                                                                                   \
    EIT_TILE_OF(5, name, tile, step)                                                                                   \
    EIT_TILE_OF(6, name, tile, step)                                                                                   \
    EIT_TILE_OF(8, name, tile, step)                                                                                   \
    EIT_WIDE_TILE_OF(10, 5, name, tile, step)                                                                          \
    EIT_WIDE_TILE_OF(12, 6, name, tile, step)

/* Declares them. */
#define EIT_TILES_DECLARED(name)                                                                                       \
    void name##_1(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_2(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_3(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_4(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_5(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_6(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_8(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_10(const eit_row_job *job, uint32_t x);                                                                \
    void name##_12(const eit_row_job *job, uint32_t x);

/* Those of four channels at a time, see eit_quad.h. */
#define EIT_QUADS_DECLARED(name)                                                                                       \
    void name##_1(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_2(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_3(const eit_row_job *job, uint32_t x);                                                                 \
    void name##_4(const eit_row_job *job, uint32_t x);

#endif
