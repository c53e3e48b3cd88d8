/* Rows in tiles of a few pixels, each with its width as a constant, so that its accumulators live in registers. */
#ifndef EIT_TILES_H
#define EIT_TILES_H

#include "eit_requant.h"

/* The widest tile: as many accumulators as registers allow. */
#if defined(__XTENSA__)
#define EIT_TILE 8u
#define EIT_WIDE_TILES(tile, x0, ...)                                                                                  \
    default: tile(8u, x0, __VA_ARGS__); x0 += 8u; break;
#else
#define EIT_TILE 12u
#define EIT_WIDE_TILES(tile, x0, ...)                                                                                  \
    default: tile(12u, x0, __VA_ARGS__); x0 += 12u; break;                                                             \
    case 11: case 10: tile(10u, x0, __VA_ARGS__); x0 += 10u; break;                                                    \
    case 9: case 8: tile(8u, x0, __VA_ARGS__); x0 += 8u; break;
#endif

/* Calls tile(n, x0, ...) for each tile of a row: n pixels from pixel x0, 1 <= n <= EIT_TILE. */
#define EIT_FOR_TILES(tile, width, ...)                                                                                \
    for (uint32_t x0 = 0; x0 < (width);) {                                                                             \
        switch ((width) - x0) {                                                                                        \
            EIT_WIDE_TILES(tile, x0, __VA_ARGS__)                                                                      \
            case 7: case 6: tile(6u, x0, __VA_ARGS__); x0 += 6u; break;                                                \
            case 5: tile(5u, x0, __VA_ARGS__); x0 += 5u; break;                                                        \
            case 4: tile(4u, x0, __VA_ARGS__); x0 += 4u; break;                                                        \
            case 3: tile(3u, x0, __VA_ARGS__); x0 += 3u; break;                                                        \
            case 2: tile(2u, x0, __VA_ARGS__); x0 += 2u; break;                                                        \
            case 1: tile(1u, x0, __VA_ARGS__); x0 += 1u; break;                                                        \
        }                                                                                                              \
    }

#endif
