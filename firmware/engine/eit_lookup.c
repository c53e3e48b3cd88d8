#include "eit_lookup.h"

void eit_lookup(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const uint8_t *table = stage->params;
    const eit_tensor *input = stage->input[0].tensor;
    const eit_tensor *output = stage->output;
    const uint8_t *in = eit_row(input, arena, y) + input->pad_left + first * input->plane;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        for (uint32_t x = 0; x < output->width; x++) {
            out[x] = table[in[x]];
        }
        in += input->plane;
        out += output->plane;
    }
}
