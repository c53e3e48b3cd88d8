#include "eit_small.h"

#include "eit_elementwise.h"

eit_operand eit_operand_at(const eit_stage *stage, const eit_elementwise *p, uint32_t which, uint8_t *arena, uint32_t y,
                           uint32_t channel)
{
    eit_operand operand;
    if (which == 1u && p->constant != 0) {
        operand.plane = p->constant_plane;
        operand.row = p->constant + y * p->constant_row + channel * operand.plane;
        operand.step = p->constant_step;
        return operand;
    }
    const eit_tensor *tensor = stage->input[which].tensor;
    operand.plane = tensor->channels == 1u ? 0u : tensor->plane;
    operand.row = eit_row(tensor, arena, y * stage->input[which].stride) + tensor->pad_left + channel * operand.plane;
    operand.step = tensor->width == 1u ? 0u : 1u;
    return operand;
}
