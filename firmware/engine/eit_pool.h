/* Parameters of the poolings; windows are cut at the edges, as TensorFlow Lite does. */
#ifndef EIT_POOL_H
#define EIT_POOL_H

#include "eit_engine.h"

typedef struct {
    uint16_t kernel_width, stride, pad; /* columns; the rows' are in the stage's input */
    uint8_t low, high;                  /* activation range, stored form */
} eit_pool;

void eit_average_pool(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_max_pool(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
