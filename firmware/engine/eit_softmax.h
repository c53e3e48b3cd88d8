/* Softmax over the channels. The stage's parameter is a table of 256 int32: exp of -d input steps in Q0.31. */
#ifndef EIT_SOFTMAX_H
#define EIT_SOFTMAX_H

#include "eit_engine.h"

void eit_softmax(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
