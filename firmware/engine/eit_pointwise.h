/* Parameters of the 1x1 convolutions; a dense layer is one over an image of its own. */
#ifndef EIT_POINTWISE_H
#define EIT_POINTWISE_H

#include "eit_tiles.h"

typedef struct {
    eit_requant out;
    const uint8_t *weights; /* see eit_pointwise_dense.c, ..._quad.c and ..._sparse.c */
    uint32_t cut_weights;   /* bytes of weights before the stage's cut */
    const eit_tiles *tiles;
    uint32_t values; /* 0: row by row; else the whole input is one pixel of so many values */
} eit_pointwise;

void eit_pointwise_row(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

EIT_TILES_DECLARED(eit_pointwise_dense)
EIT_TILES_DECLARED(eit_pointwise_sparse)
EIT_QUADS_DECLARED(eit_pointwise_quad)

#endif
