/* Any function of one value. The stage's parameter is a table of 256 bytes: stored result for stored value. */
#ifndef EIT_LOOKUP_H
#define EIT_LOOKUP_H

#include "eit_engine.h"

void eit_lookup(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
