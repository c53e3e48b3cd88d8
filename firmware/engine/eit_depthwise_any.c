/* Depthwise convolution of any kernel, stride, dilation and depth multiplier; weights of zero are skipped. */
#include "eit_depthwise.h"
#include "eit_requant.h"

#define WIDTH 8u /* pixels at a time */

EIT_INLINE void tile(const uint32_t n, uint32_t x0, const eit_stage *stage, const eit_depthwise *p, uint8_t *arena,
                     uint32_t y, uint32_t first, uint32_t last, uint8_t *out)
{
    const eit_input *input = &stage->input[0];
    const uint32_t stride = p->stride;
    const int8_t *w = p->weights + first * input->kernel * p->kernel_width;
    for (uint32_t channel = first; channel < last; channel++) {
        const eit_channel c = eit_channel_of(&p->out, channel, EIT_DEPTHWISE);
        const uint32_t source = channel / p->depth_multiplier;
        int32_t acc[WIDTH];
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[i] = c.bias;
        }
        for (uint32_t k = 0; k < input->kernel; k++) {
            uint32_t plane;
            const uint32_t row = y * input->stride + k * input->dilation - input->pad;
            const uint8_t *x = eit_depthwise_row(stage, p, arena, eit_blank(stage, arena, first, 0u), row, &plane);
            x += source * plane + x0 * stride;
            for (uint32_t column = 0; column < p->kernel_width; column++) {
                const int32_t weight = *w++;
                if (weight != 0) {
                    EIT_UNROLL
                    for (uint32_t i = 0; i < n; i++) {
                        acc[i] += weight * x[i * stride];
                    }
                }
                x += p->dilation;
            }
        }
        eit_finish(&c, acc, n, out + x0);
        out += stage->output->plane;
    }
}

void eit_depthwise_any(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_depthwise *p = stage->params;
    const eit_tensor *output = stage->output;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    uint32_t x = 0;
    for (; x + WIDTH <= output->width; x += WIDTH) {
        tile(WIDTH, x, stage, p, arena, y, first, end, out);
    }
    for (; x < output->width; x++) {
        tile(1u, x, stage, p, arena, y, first, end, out);
    }
    eit_limit(&p->out, output, eit_row(output, arena, y), first, end);
}
