/* Parameters of the convolutions with a kernel of any size; weights in the order [out][kernel row][kernel column][in]. */
#ifndef EIT_CONV_H
#define EIT_CONV_H

#include "eit_engine.h"

typedef struct {
    eit_requant out;
    const uint8_t *weights; /* as eit_pointwise_dense.c and eit_pointwise_sparse.c have them, taps for input channels */
    uint8_t kernel_width, stride, pad, dilation; /* columns; the rows' are in the stage's input */
} eit_conv;

/* One for each stride of the columns; `any` takes one pixel at a time. */
void eit_conv_dense_1(const eit_stage *stage, uint8_t *arena, uint32_t y);
void eit_conv_dense_2(const eit_stage *stage, uint8_t *arena, uint32_t y);
void eit_conv_dense_any(const eit_stage *stage, uint8_t *arena, uint32_t y);
void eit_conv_sparse_1(const eit_stage *stage, uint8_t *arena, uint32_t y);
void eit_conv_sparse_2(const eit_stage *stage, uint8_t *arena, uint32_t y);
void eit_conv_sparse_any(const eit_stage *stage, uint8_t *arena, uint32_t y);

/* For every tap of output row y, the offset in the arena of the byte that pixel 0 multiplies: the scratch's first
 * kernel * kernel_width * channels words. Rows beyond the edge are a plane of zero points behind them. */
const uint32_t *eit_conv_taps(const eit_stage *stage, const eit_conv *p, uint8_t *arena, uint32_t y);

#endif
