#include "eit_small.h"

#include "eit_pool.h"
#include "eit_requant.h"

/* The part of a window that lies inside 0..size-1. */
typedef struct {
    uint32_t first, end;
} span;

static span inside(uint32_t position, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t size)
{
    span s;
    s.first = position * stride < pad ? 0u : position * stride - pad;
    s.end = position * stride + kernel - pad; /* kernel > pad for the windows that converters write */
    if (s.end > size) {
        s.end = size;
    }
    return s;
}

static uint8_t rounded_average(uint32_t sum, int32_t count, uint8_t low, uint8_t high)
{
    const int32_t total = (int32_t)sum - 128 * count; /* the sum of the int8 values */
    int32_t v = total > 0 ? (total + count / 2) / count : (total - count / 2) / count;
    v += 128;
    v = v < low ? low : v;
    return (uint8_t)(v > high ? high : v);
}

EIT_INLINE void pool(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end,
                     const uint32_t average)
{
    const eit_pool *p = stage->params;
    const eit_tensor *input = stage->input[0].tensor;
    const eit_tensor *output = stage->output;
    const span rows = inside(y, stage->input[0].stride, stage->input[0].pad, stage->input[0].kernel, input->height);
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        for (uint32_t x = 0; x < output->width; x++) {
            const span columns = inside(x, p->stride, p->pad, p->kernel_width, input->width);
            uint32_t result = 0;
            for (uint32_t row = rows.first; row < rows.end; row++) {
                const uint8_t *in = eit_row(input, arena, row) + input->pad_left + c * input->plane;
                for (uint32_t column = columns.first; column < columns.end; column++) {
                    const uint32_t v = in[column];
                    result = average ? result + v : (v > result ? v : result);
                }
            }
            if (average) {
                const uint32_t count = (rows.end - rows.first) * (columns.end - columns.first);
                result = rounded_average(result, (int32_t)count, p->low, p->high);
            }
            result = result < p->low ? p->low : result;
            out[x] = (uint8_t)(result > p->high ? p->high : result);
        }
        out += output->plane;
    }
}

void eit_average_pool(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    pool(stage, arena, y, first, end, 1u);
}

void eit_max_pool(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    pool(stage, arena, y, first, end, 0u);
}
