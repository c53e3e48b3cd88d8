#include "eit_small.h"

#include "eit_depthwise.h"

const uint8_t *eit_depthwise_row(const eit_stage *stage, const eit_depthwise *p, uint8_t *arena, uint8_t *blank,
                                 uint32_t row, uint32_t *plane)
{
    const eit_tensor *tensor = stage->input[0].tensor;
    const uint32_t column = (uint32_t)tensor->pad_left - p->pad;
    if (row < tensor->height) {
        *plane = tensor->plane;
        return eit_row(tensor, arena, row) + column;
    }
    for (uint32_t i = 0; i < tensor->plane; i++) {
        blank[i] = tensor->zero;
    }
    *plane = 0;
    return blank + column;
}
