#include "eit_small.h"

#include "eit_conv.h"

/* For every tap of output row y, the offset in the arena of the byte that pixel 0 multiplies. Rows beyond the edge are
 * a plane of zero points. Each worker has its own. */
static const uint32_t *conv_taps(const eit_stage *stage, const eit_conv *p, uint8_t *arena, uint32_t y, uint32_t first)
{
    const eit_input *input = &stage->input[0];
    const eit_tensor *tensor = input->tensor;
    const uint32_t columns = (uint32_t)tensor->pad_left - (uint32_t)p->pad * p->pixel;
    const uint32_t count = (uint32_t)input->kernel * p->kernel_width * p->channels;
    uint32_t *taps = (uint32_t *)(void *)eit_scratch(stage, arena, first);
    uint8_t *blank = eit_blank(stage, arena, first, 4u * count);
    uint32_t *tap = taps;
    for (uint32_t k = 0; k < input->kernel; k++) {
        const uint32_t row = y * input->stride + k * input->dilation - input->pad; /* wraps above the first row */
        uint32_t start = (uint32_t)(blank - arena) + columns;
        uint32_t plane = p->pixel != 1u ? 1u : 0u;
        if (row < tensor->height) {
            start = (uint32_t)(eit_row(tensor, arena, row) - arena) + columns;
            plane = p->pixel != 1u ? 1u : tensor->plane;
        } else {
            for (uint32_t i = 0; i < tensor->plane; i++) {
                blank[i] = tensor->zero;
            }
        }
        for (uint32_t column = 0; column < p->kernel_width; column++) {
            uint32_t offset = start;
            for (uint32_t c = 0; c < p->channels; c++) {
                *tap++ = offset;
                offset += plane;
            }
            start += (uint32_t)p->dilation * p->pixel;
        }
    }
    return taps;
}

void eit_conv_row(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_conv *p = stage->params;
    const eit_tensor *output = stage->output;
    uint8_t *row = eit_row(output, arena, y);
    eit_row_job job;
    job.out = &p->out;
    job.weights = p->weights + (first != 0u ? p->cut_weights : 0u);
    job.in = arena;
    job.taps = conv_taps(stage, p, arena, y, first);
    job.step = (uint32_t)p->stride * p->pixel;
    job.count = (uint32_t)stage->input[0].kernel * p->kernel_width * p->channels;
    job.row = row + output->pad_left + first * output->plane;
    job.out_plane = output->plane;
    job.first = first;
    job.end = end;
    eit_run_tiles(p->tiles, &job);
    eit_limit(&p->out, output, row, first, end);
}
