#include "eit_small.h"

#include "eit_copy.h"

static void fill(uint8_t *out, uint32_t count, uint8_t value)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = value;
    }
}

void eit_pad(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_pad_params *p = stage->params;
    const eit_tensor *input = stage->input[0].tensor;
    const eit_tensor *output = stage->output;
    const uint32_t row = y - p->top; /* wraps above the first row */
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        const uint32_t channel = c - p->front;
        fill(out, output->width, p->value);
        if (row < input->height && channel < input->channels) {
            const uint8_t *in = eit_row(input, arena, row) + input->pad_left + channel * input->plane;
            for (uint32_t x = 0; x < input->width; x++) {
                out[p->left + x] = in[x];
            }
        }
        out += output->plane;
    }
}
