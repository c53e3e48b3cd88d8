/* A row of a 1x1 convolution in tiles; included by the two that differ in how a tile walks its weights. */
#ifndef EIT_POINTWISE_ROW_H
#define EIT_POINTWISE_ROW_H

#include "eit_pointwise.h"
#include "eit_tiles.h"

/* Calls tile(n, x0, params, in, in_plane, in_channels, out, out_plane, channels) for each tile of row y. */
#define EIT_POINTWISE_ROW(tile, stage, arena, y)                                                                       \
    const eit_pointwise *p = (stage)->params;                                                                          \
    const eit_tensor *input = (stage)->input[0].tensor;                                                                \
    const eit_tensor *output = (stage)->output;                                                                        \
    const uint8_t *in = eit_row(input, arena, y) + input->pad_left;                                                    \
    uint8_t *out = eit_row(output, arena, y) + output->pad_left;                                                       \
    const uint32_t width = output->width;                                                                              \
    const uint32_t in_plane = p->pixels != 0u ? p->pixels : input->plane;                                              \
    const uint32_t in_channels = p->pixels != 0u ? p->channels : input->channels;                                      \
    if (width == 1u && in_plane == 1u) {                                                                               \
        tile(1u, 0u, p, in, 1u, in_channels, out, output->plane, output->channels);                                    \
    } else {                                                                                                           \
        EIT_FOR_TILES(tile, width, p, in, in_plane, in_channels, out, output->plane, output->channels)                 \
    }                                                                                                                  \
    if (p->out.low != 0u) {                                                                                            \
        eit_raise(output, eit_row(output, arena, y), p->out.low);                                                      \
    }

#endif
