/* Resizing of planes. The whole input is there; its rows are asked for by the tables. */
#ifndef EIT_RESAMPLE_H
#define EIT_RESAMPLE_H

#include "eit_engine.h"

/* Per output row and column three numbers: two of the input's, and the second one's weight in 1/1024, -512..1536. */
typedef struct {
    const int32_t *rows;
    const int32_t *columns;
} eit_resample;

void eit_resize_nearest(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_resize_bilinear(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
