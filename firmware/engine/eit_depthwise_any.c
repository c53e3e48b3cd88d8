/* Depthwise convolution of any kernel, stride, dilation and depth multiplier; weights of zero are skipped. */
#include "eit_depthwise.h"
#include "eit_requant.h"

#define WIDTH 8u /* pixels at a time */

EIT_INLINE void tile(const uint32_t n, uint32_t x0, const eit_stage *stage, const eit_depthwise *p, uint8_t *arena,
                     uint32_t y, uint8_t *out)
{
    const eit_input *input = &stage->input[0];
    const uint32_t taps = (uint32_t)input->kernel * p->kernel_width;
    const uint32_t stride = p->stride;
    for (uint32_t channel = 0; channel < stage->output->channels; channel++) {
        const eit_affine *affine = &p->out.channels[channel];
        const int8_t *w = p->weights + channel * (taps + 1u);
        const uint32_t shift = (uint8_t)*w++;
        const uint32_t source = channel / p->depth_multiplier;
        int32_t acc[WIDTH];
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            acc[i] = affine->bias;
        }
        for (uint32_t k = 0; k < input->kernel; k++) {
            uint32_t plane;
            const uint32_t row = y * input->stride + k * input->dilation - input->pad;
            const uint8_t *x = eit_depthwise_row(stage, p, arena, row, &plane);
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
        eit_finish(&p->out, affine->multiplier, shift, acc, n, out + x0);
        out += stage->output->plane;
    }
}

void eit_depthwise_any(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    const eit_depthwise *p = stage->params;
    uint8_t *out = eit_row(stage->output, arena, y) + stage->output->pad_left;
    const uint32_t width = stage->output->width;
    uint32_t x = 0;
    for (; x + WIDTH <= width; x += WIDTH) {
        tile(WIDTH, x, stage, p, arena, y, out);
    }
    for (; x < width; x++) {
        tile(1u, x, stage, p, arena, y, out);
    }
    if (p->out.low != 0u) {
        eit_raise(stage->output, eit_row(stage->output, arena, y), p->out.low);
    }
}
