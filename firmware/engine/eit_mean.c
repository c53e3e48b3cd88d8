#include "eit_small.h"

#include "eit_mean.h"
#include "eit_requant.h"

void eit_mean(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_mean_params *p = stage->params;
    const eit_input *input = &stage->input[0];
    const eit_tensor *tensor = input->tensor;
    const eit_tensor *output = stage->output;
    const uint32_t columns = p->all_columns ? tensor->width : 1u;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        for (uint32_t x = 0; x < output->width; x++) {
            int32_t sum = -p->offset;
            int32_t v;
            for (uint32_t k = 0; k < input->kernel; k++) {
                const uint8_t *in = eit_row(tensor, arena, y * input->stride + k) + tensor->pad_left;
                in += c * tensor->plane + x;
                for (uint32_t i = 0; i < columns; i++) {
                    sum += in[i];
                }
            }
            v = eit_scale(sum, p->multiplier, p->shift) + p->zero;
            v = v < 0 ? 0 : v;
            out[x] = (uint8_t)(v > 255 ? 255 : v);
        }
        out += output->plane;
    }
}
