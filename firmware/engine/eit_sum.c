/* Sums and differences for which the compiler found a linear form that is the reference's for every pair of bytes. */
#include "eit_elementwise.h"

void eit_sum(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_elementwise *p = stage->params;
    const eit_tensor *output = stage->output;
    const uint32_t factor_a = (uint32_t)p->multiplier[0];
    const uint32_t factor_b = (uint32_t)p->multiplier[1];
    const uint32_t offset = (uint32_t)p->multiplier[2];
    const uint32_t shift = (uint32_t)p->shift[2];
    const int32_t low = p->low;
    const int32_t high = p->high;
    eit_operand a = eit_operand_at(stage, p, 0, arena, y, first);
    eit_operand b = eit_operand_at(stage, p, 1, arena, y, first);
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        const uint8_t *from_a = a.row;
        const uint8_t *from_b = b.row;
        uint8_t *const last = out + output->width;
        for (uint8_t *to = out; to != last; to++) {
            int32_t v = (int32_t)(*from_a * factor_a + *from_b * factor_b + offset) >> shift;
            v = v < low ? low : v;
            *to = (uint8_t)(v > high ? high : v);
            from_a += a.step;
            from_b += b.step;
        }
        a.row += a.plane;
        b.row += b.plane;
        out += output->plane;
    }
}
