#include "eit_small.h"

#include "eit_pointwise.h"

void eit_pointwise_row(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_pointwise *p = stage->params;
    const eit_tensor *input = stage->input[0].tensor;
    const eit_tensor *output = stage->output;
    uint8_t *row = eit_row(output, arena, y);
    eit_row_job job;
    job.out = &p->out;
    job.weights = p->weights + (first != 0u ? p->cut_weights : 0u);
    job.in = eit_row(input, arena, y) + input->pad_left;
    job.taps = 0;
    job.step = 1u;
    job.in_plane = 1u;
    job.count = p->values;
    if (p->values == 0u) {
        job.in_plane = input->plane;
        job.count = input->channels;
    }
    job.row = row + output->pad_left + first * output->plane;
    job.out_plane = output->plane;
    job.first = first;
    job.end = end;
    eit_run_tiles(p->tiles, &job);
    eit_limit(&p->out, output, row, first, end);
}
