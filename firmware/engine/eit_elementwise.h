/* ADD, SUB, MUL, MAXIMUM and MINIMUM of two tensors, or of a tensor and a constant, one of them possibly broadcast;
 * PRELU, whose slopes are the constant. */
#ifndef EIT_ELEMENTWISE_H
#define EIT_ELEMENTWISE_H

#include "eit_engine.h"

typedef struct {
    int32_t multiplier[3]; /* of a, of b, of the result; MUL uses the last only, PRELU a's from 0 on and the last below;
                            * eit_sum's third is added */
    int8_t shift[3];       /* MUL and eit_sum use the last only */
    uint8_t zero[3];       /* stored form */
    uint8_t low, high;
    const uint8_t *constant; /* b in stored form [row][channel][column], or null: b is input 1 */
    uint32_t constant_row;   /* bytes from a row of the constant to the next, 0: the same for all rows */
    uint16_t constant_plane; /* and from a channel to the next */
    uint8_t constant_step;   /* and from a column to the next: 1 or 0 */
} eit_elementwise;

void eit_add(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_sub(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);          /* a - b */
void eit_sub_reversed(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end); /* b - a */
/* Any of these in linear form. */
void eit_sum(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_mul(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

void eit_maximum(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_minimum(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_prelu(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

/* An operand's row from a channel on: where it starts and the steps to its next channel and column, 0 where it is
 * broadcast. */
typedef struct {
    const uint8_t *row;
    uint32_t plane, step;
} eit_operand;

eit_operand eit_operand_at(const eit_stage *stage, const eit_elementwise *p, uint32_t which, uint8_t *arena, uint32_t y,
                           uint32_t channel);

#endif
