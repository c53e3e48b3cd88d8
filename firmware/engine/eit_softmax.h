/* Softmax over the channels. */
#ifndef EIT_SOFTMAX_H
#define EIT_SOFTMAX_H

#include "eit_engine.h"

typedef struct {
    const int32_t *exponentials; /* of -d input steps in Q0.31, for d in 0..count-1 */
    uint32_t count;              /* further ones are too small to change a result */
} eit_softmax_params;

void eit_softmax(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
