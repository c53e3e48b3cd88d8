/* Copies: of bytes between plain tensors, and of planes into a larger padded tensor. */
#ifndef EIT_COPY_H
#define EIT_COPY_H

#include "eit_engine.h"

/* out[start_out + sum(i[d] * stride_out[d])] = in[start_in + sum(i[d] * stride_in[d])], 0 <= i[d] < size[d]. */
typedef struct {
    uint32_t size[4];
    uint32_t start_in, start_out;
    int32_t stride_in[4];
    int32_t stride_out[4];
} eit_copy_params;

/* Padding before the first channel, row and column, filled with `value`; rows are cut by the stage's input. */
typedef struct {
    uint16_t top, left, front;
    uint8_t value;
} eit_pad_params;

void eit_copy(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_pad(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
