#include "eit_elementwise.h"

static void extreme(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end, int larger)
{
    const eit_elementwise *p = stage->params;
    const eit_tensor *output = stage->output;
    eit_operand a = eit_operand_at(stage, p, 0, arena, y, first);
    eit_operand b = eit_operand_at(stage, p, 1, arena, y, first);
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        const uint8_t *from_a = a.row;
        const uint8_t *from_b = b.row;
        for (uint32_t x = 0; x < output->width; x++) {
            out[x] = (*from_a > *from_b) == larger ? *from_a : *from_b;
            from_a += a.step;
            from_b += b.step;
        }
        a.row += a.plane;
        b.row += b.plane;
        out += output->plane;
    }
}

void eit_maximum(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    extreme(stage, arena, y, first, end, 1);
}

void eit_minimum(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    extreme(stage, arena, y, first, end, 0);
}
