#include "eit_elementwise.h"
#include "eit_requant.h"

void eit_mul(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
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
            const int32_t product = (*from_a - (int32_t)p->zero[0]) * (*from_b - (int32_t)p->zero[1]);
            int32_t v = eit_scale(product, p->multiplier[2], p->shift[2]) + p->zero[2];
            v = v < p->low ? p->low : v;
            v = v > p->high ? p->high : v;
            out[x] = (uint8_t)v;
            from_a += a.step;
            from_b += b.step;
        }
        a.row += a.plane;
        b.row += b.plane;
        out += output->plane;
    }
}
