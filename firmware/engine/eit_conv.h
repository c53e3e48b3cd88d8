/* Parameters of the convolutions with any kernel; weights in the order [out][kernel row][kernel column][in]. */
#ifndef EIT_CONV_H
#define EIT_CONV_H

#include "eit_tiles.h"

typedef struct {
    eit_requant out;
    const uint8_t *weights; /* as eit_pointwise_dense.c, ..._quad.c, ..._sparse.c have them, taps for input channels */
    uint32_t cut_weights;   /* bytes of weights before the stage's cut */
    const eit_tiles *tiles;
    uint16_t channels; /* of the input */
    uint8_t pixel;     /* bytes from a column to the next: 1, or `channels` in rows of pixels */
    uint8_t kernel_width, stride, pad, dilation; /* columns; the rows' are in the stage's input */
} eit_conv;

void eit_conv_row(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

/* Tiles whose pixels are 1, 2, 3 or 6 bytes apart, a stride of 1 or 2 over planes or over pixels of three channels;
 * those called `any` take every distance. */
EIT_TILES_DECLARED(eit_conv_dense_1)
EIT_TILES_DECLARED(eit_conv_dense_2)
EIT_TILES_DECLARED(eit_conv_dense_3)
EIT_TILES_DECLARED(eit_conv_dense_6)
EIT_TILES_DECLARED(eit_conv_dense_any)
EIT_TILES_DECLARED(eit_conv_sparse_1)
EIT_TILES_DECLARED(eit_conv_sparse_2)
EIT_TILES_DECLARED(eit_conv_sparse_3)
EIT_TILES_DECLARED(eit_conv_sparse_6)
EIT_TILES_DECLARED(eit_conv_sparse_any)
EIT_QUADS_DECLARED(eit_conv_quad_1)
EIT_QUADS_DECLARED(eit_conv_quad_2)
EIT_QUADS_DECLARED(eit_conv_quad_3)
EIT_QUADS_DECLARED(eit_conv_quad_6)
EIT_QUADS_DECLARED(eit_conv_quad_any)

#endif
