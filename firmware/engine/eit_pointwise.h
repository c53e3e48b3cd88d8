/* Parameters of the two 1x1 convolutions; a dense layer is one over an image of its own. */
#ifndef EIT_POINTWISE_H
#define EIT_POINTWISE_H

#include "eit_engine.h"

typedef struct {
    eit_requant out;
    const uint8_t *weights; /* see eit_pointwise_dense.c and eit_pointwise_sparse.c */
    uint32_t pixels;        /* 0: row by row; else the whole input is one row of so many pixels */
    uint32_t channels;      /* input channels, where the whole input is one row */
} eit_pointwise;

void eit_pointwise_dense(const eit_stage *stage, uint8_t *arena, uint32_t y);
void eit_pointwise_sparse(const eit_stage *stage, uint8_t *arena, uint32_t y);

#endif
