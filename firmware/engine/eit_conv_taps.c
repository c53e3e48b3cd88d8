#include "eit_conv.h"

const uint32_t *eit_conv_taps(const eit_stage *stage, const eit_conv *p, uint8_t *arena, uint32_t y)
{
    const eit_input *input = &stage->input[0];
    const eit_tensor *tensor = input->tensor;
    uint32_t *taps = (uint32_t *)(void *)(arena + stage->scratch);
    const uint32_t columns = (uint32_t)tensor->pad_left - p->pad;
    const uint32_t count = (uint32_t)input->kernel * p->kernel_width * tensor->channels;
    uint8_t *blank = arena + stage->scratch + 4u * count;
    uint32_t *tap = taps;
    for (uint32_t k = 0; k < input->kernel; k++) {
        const uint32_t row = y * input->stride + k * input->dilation - input->pad; /* wraps above the first row */
        uint32_t start = (uint32_t)(blank - arena);
        uint32_t plane = 0;
        if (row < tensor->height) {
            start = (uint32_t)(eit_row(tensor, arena, row) - arena);
            plane = tensor->plane;
        } else {
            for (uint32_t i = 0; i < tensor->plane; i++) {
                blank[i] = tensor->zero;
            }
        }
        for (uint32_t column = 0; column < p->kernel_width; column++) {
            uint32_t offset = start + column * p->dilation + columns;
            for (uint32_t c = 0; c < tensor->channels; c++) {
                *tap++ = offset;
                offset += plane;
            }
        }
    }
    return taps;
}
