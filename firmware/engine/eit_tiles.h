/* Rows in tiles of a few pixels, each with its width as a constant, so that its accumulators live in registers. */
#ifndef EIT_TILES_H
#define EIT_TILES_H

#include "eit_requant.h"

/* Calls tile(n, x0, ...) for each tile of a row: n pixels from pixel x0, 1 <= n <= EIT_TILE. */
#define EIT_FOR_TILES(tile, width, ...)                                                                                 \
    for (uint32_t x0 = 0; x0 < (width); x0 += EIT_TILE) {                                                              \
        switch ((width) - x0) {                                                                                        \
        default: tile(8u, x0, __VA_ARGS__); break;                                                                     \
        case 7: tile(7u, x0, __VA_ARGS__); break;                                                                      \
        case 6: tile(6u, x0, __VA_ARGS__); break;                                                                      \
        case 5: tile(5u, x0, __VA_ARGS__); break;                                                                      \
        case 4: tile(4u, x0, __VA_ARGS__); break;                                                                      \
        case 3: tile(3u, x0, __VA_ARGS__); break;                                                                      \
        case 2: tile(2u, x0, __VA_ARGS__); break;                                                                      \
        case 1: tile(1u, x0, __VA_ARGS__); break;                                                                      \
        }                                                                                                              \
    }

#endif
