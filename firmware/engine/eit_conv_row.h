/* A row of a convolution in tiles; included by the two that differ in how a tile walks its weights. */
#ifndef EIT_CONV_ROW_H
#define EIT_CONV_ROW_H

#include "eit_conv.h"
#include "eit_tiles.h"

/* Calls tile(n, x0, stride, params, taps, count, in, output, out) for each tile of row y; a step of 0 is any stride. */
#define EIT_CONV_ROW(tile, stage, arena, y, step)                                                                      \
    const eit_conv *p = (stage)->params;                                                                               \
    const eit_tensor *output = (stage)->output;                                                                        \
    const uint32_t *taps = eit_conv_taps(stage, p, arena, y);                                                          \
    const uint32_t count = (uint32_t)(stage)->input[0].kernel * p->kernel_width * (stage)->input[0].tensor->channels;  \
    uint8_t *out = eit_row(output, arena, y) + output->pad_left;                                                       \
    const uint32_t width = output->width;                                                                              \
    if ((step) != 0u) {                                                                                                \
        EIT_FOR_TILES(tile, width, step, p, taps, count, arena, output, out)                                           \
    } else {                                                                                                           \
        for (uint32_t x = 0; x < width; x++) {                                                                         \
            tile(1u, x, p->stride, p, taps, count, arena, output, out);                                                \
        }                                                                                                              \
    }                                                                                                                  \
    if (p->out.low != 0u) {                                                                                            \
        eit_raise(output, eit_row(output, arena, y), p->out.low);                                                      \
    }

#endif
