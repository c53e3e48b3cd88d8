#include "eit_resample.h"

void eit_resize_nearest(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_resample *p = stage->params;
    const eit_tensor *input = stage->input[0].tensor;
    const eit_tensor *output = stage->output;
    const uint8_t *in = eit_row(input, arena, (uint32_t)p->rows[3u * y]) + input->pad_left + first * input->plane;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        const int32_t *column = p->columns;
        for (uint32_t x = 0; x < output->width; x++) {
            out[x] = in[*column];
            column += 3;
        }
        in += input->plane;
        out += output->plane;
    }
}

/* Values are q and not q + 128, as the reference rounds halves away from the former's zero. */
void eit_resize_bilinear(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_resample *p = stage->params;
    const eit_tensor *input = stage->input[0].tensor;
    const eit_tensor *output = stage->output;
    const int32_t *row = &p->rows[3u * y];
    const uint8_t *upper = eit_row(input, arena, (uint32_t)row[0]) + input->pad_left + first * input->plane;
    const uint8_t *lower = eit_row(input, arena, (uint32_t)row[1]) + input->pad_left + first * input->plane;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        const int32_t *column = p->columns;
        for (uint32_t x = 0; x < output->width; x++) {
            const int32_t left = (upper[column[0]] - 128) * (1024 - row[2]) + (lower[column[0]] - 128) * row[2];
            const int32_t right = (upper[column[1]] - 128) * (1024 - row[2]) + (lower[column[1]] - 128) * row[2];
            const int32_t sum = left * (1024 - column[2]) + right * column[2];
            out[x] = (uint8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20) + 128);
            column += 3;
        }
        upper += input->plane;
        lower += input->plane;
        out += output->plane;
    }
}
