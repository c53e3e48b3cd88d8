/* Parameters of the depthwise convolutions; per channel int8 weights [kernel row][kernel column]. */
#ifndef EIT_DEPTHWISE_H
#define EIT_DEPTHWISE_H

#include "eit_engine.h"

typedef struct {
    eit_requant out;
    const int8_t *weights;
    uint8_t kernel_width, stride, pad, dilation; /* columns; the rows' are in the stage's input */
    uint16_t depth_multiplier;                   /* output channels per input channel */
} eit_depthwise;

void eit_depthwise_any(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

/* 3x3, strides of 1 and 2. */
void eit_depthwise_3x3_1(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_depthwise_3x3_2(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

/* The first byte of input row `row` of channel 0 that pixel 0 multiplies, and in *plane the step to the next channel;
 * beyond the edge a plane of zero points in `blank`. `row` wraps above the first row. */
const uint8_t *eit_depthwise_row(const eit_stage *stage, const eit_depthwise *p, uint8_t *arena, uint8_t *blank,
                                 uint32_t row, uint32_t *plane);

#endif
