#include "eit_engine.h"

/* Rows of an input that must exist before output row y can be made. */
static uint32_t rows_needed(const eit_input *input, uint32_t y)
{
    uint32_t end = y * input->stride + (uint32_t)(input->kernel - 1u) * input->dilation + 1u;
    if (end <= input->pad) {
        return 0u;
    }
    end -= input->pad;
    return end < input->tensor->height ? end : input->tensor->height;
}

/* The stage that must make its next row so that `wanted` can: `wanted` itself or one it depends on. */
static uint32_t next_stage(const eit_stage *stages, const uint16_t *done, uint32_t wanted)
{
    uint32_t current = wanted;
    for (;;) {
        const eit_stage *stage = &stages[current];
        uint32_t source = current;
        for (uint32_t i = 0; i < 2u && stage->input[i].tensor != 0; i++) {
            const eit_input *input = &stage->input[i];
            if (input->producer >= 0 && done[input->producer] < rows_needed(input, done[current])) {
                source = (uint32_t)input->producer;
                break;
            }
        }
        if (source == current) {
            return current;
        }
        current = source;
    }
}

/* Writes the zero point into the padding of channels first..end-1 of a finished row. */
static void fill_padding(const eit_tensor *tensor, uint8_t *row, uint32_t first, uint32_t end)
{
    const uint32_t left = tensor->pad_left;
    const uint32_t right = (uint32_t)tensor->plane - tensor->width - left;
    row += first * tensor->plane;
    for (uint32_t c = first; c < end; c++) {
        for (uint32_t i = 0; i < left; i++) {
            row[i] = tensor->zero;
        }
        for (uint32_t i = 0; i < right; i++) {
            row[left + tensor->width + i] = tensor->zero;
        }
        row += tensor->plane;
    }
}

void eit_limit(const eit_requant *q, const eit_tensor *tensor, uint8_t *row, uint32_t first, uint32_t end)
{
    const uint8_t low = q->low;
    const uint8_t high = q->high;
    if (low != 0u || high != 255u) {
        uint8_t *const last = row + end * tensor->plane;
        for (row += first * tensor->plane; row != last; row++) {
            *row = *row < low ? low : *row > high ? high : *row;
        }
    }
}

void eit_run(const eit_stage *stages, uint32_t count, uint8_t *arena)
{
    uint16_t done[EIT_MAX_STAGES] = {0};
    for (uint32_t target = count; target-- > 0u;) {
        if (!stages[target].complete) {
            continue;
        }
        while (done[target] < stages[target].output->height) {
            const uint32_t s = next_stage(stages, done, target);
            const eit_tensor *output = stages[s].output;
            stages[s].kernel(&stages[s], arena, done[s], 0, output->channels);
            if (output->plane != output->width) {
                fill_padding(output, eit_row(output, arena, done[s]), 0, output->channels);
            }
#ifdef EIT_TRACE
            EIT_TRACE(&stages[s], arena, done[s]);
#endif
            done[s]++;
        }
    }
}
