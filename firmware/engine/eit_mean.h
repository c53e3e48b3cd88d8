/* Parameters of MEAN over all columns, all rows, or both. */
#ifndef EIT_MEAN_H
#define EIT_MEAN_H

#include "eit_engine.h"

typedef struct {
    int32_t offset;     /* values per mean times the input's zero point, stored form */
    int32_t multiplier; /* input scale over output scale, and over the number of values */
    int8_t shift;
    uint8_t zero;        /* the output's, stored form */
    uint8_t all_columns; /* 1: one mean per channel; 0: one per column */
} eit_mean_params;

void eit_mean(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
