#include "eit_elementwise.h"
#include "eit_requant.h"

void eit_prelu(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_elementwise *p = stage->params;
    const eit_tensor *output = stage->output;
    eit_operand a = eit_operand_at(stage, p, 0, arena, y, first);
    eit_operand slope = eit_operand_at(stage, p, 1, arena, y, first);
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        const uint8_t *from_slope = slope.row;
        for (uint32_t x = 0; x < output->width; x++) {
            int32_t v = a.row[x] - (int32_t)p->zero[0];
            if (v >= 0) {
                v = eit_scale(v, p->multiplier[0], p->shift[0]);
            } else {
                v = eit_scale(v * (*from_slope - (int32_t)p->zero[1]), p->multiplier[2], p->shift[2]);
            }
            v += p->zero[2];
            v = v < 0 ? 0 : v;
            out[x] = (uint8_t)(v > 255 ? 255 : v);
            from_slope += slope.step;
        }
        a.row += a.plane;
        slope.row += slope.plane;
        out += output->plane;
    }
}
