/* Softmax over the channels. */
#ifndef EIT_SOFTMAX_H
#define EIT_SOFTMAX_H

#include "eit_engine.h"

typedef struct {
    int32_t multiplier; /* (-d << shift) * multiplier / 2^31 is d input steps below the largest in Q5.26 */
    uint8_t shift;
    uint8_t radius; /* what is further below counts as nothing */
} eit_softmax_params;

void eit_softmax(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
