/* One row of a depthwise convolution with nine taps; included once per stride of the columns. */
#ifndef EIT_DEPTHWISE_3X3_H
#define EIT_DEPTHWISE_3X3_H

#include "eit_depthwise.h"
#include "eit_requant.h"

/* A channel's nine weights, a column of the kernel per letter, shifted up as far as its accumulators are to be. */
typedef struct {
    int32_t a0, b0, c0, a1, b1, c1, a2, b2, c2;
    int32_t bias;
    eit_channel k;
} eit_nine;

EIT_INLINE eit_nine eit_nine_of(const int8_t *code, const eit_requant *q, uint32_t channel)
{
    eit_nine w;
    w.k = eit_channel_of(q, channel, EIT_DEPTHWISE);
    const int32_t up = 1 << w.k.up;
    w.a0 = code[0] * up;
    w.b0 = code[1] * up;
    w.c0 = code[2] * up;
    w.a1 = code[3] * up;
    w.b1 = code[4] * up;
    w.c1 = code[5] * up;
    w.a2 = code[6] * up;
    w.b2 = code[7] * up;
    w.c2 = code[8] * up;
    w.bias = w.k.bias * up;
    w.k.up = 0u;
    return w;
}

/* What column `x` adds to an output as its first, second and third column. */
#define EIT_COLUMN_A(x) (w->a0 * r0[x] + w->a1 * r1[x] + w->a2 * r2[x])
#define EIT_COLUMN_B(x) (w->b0 * r0[x] + w->b1 * r1[x] + w->b2 * r2[x])
#define EIT_COLUMN_C(x) (w->c0 * r0[x] + w->c1 * r1[x] + w->c2 * r2[x])

/* Runs pixels(w, tie, r0, r1, r2, out, width) for channels first..end-1 of row y. */
#define EIT_DEPTHWISE_3X3_ROW(pixels, stage, arena, y, first, end)                                                     \
    const eit_depthwise *p = stage->params;                                                                            \
    const eit_tensor *output = stage->output;                                                                          \
    const uint32_t top = y * stage->input[0].stride - stage->input[0].pad;                                             \
    const uint32_t width = output->width;                                                                              \
    uint8_t *blank = eit_blank(stage, arena, first, 0u);                                                               \
    uint32_t plane0, plane1, plane2;                                                                                   \
    const uint8_t *r0 = eit_depthwise_row(stage, p, arena, blank, top, &plane0);                                       \
    const uint8_t *r1 = eit_depthwise_row(stage, p, arena, blank, top + 1u, &plane1);                                  \
    const uint8_t *r2 = eit_depthwise_row(stage, p, arena, blank, top + 2u, &plane2);                                  \
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;                               \
    const int8_t *code = p->weights + 9u * first;                                                                      \
    r0 += first * plane0;                                                                                              \
    r1 += first * plane1;                                                                                              \
    r2 += first * plane2;                                                                                              \
    for (uint32_t channel = first; channel < end; channel++, code += 9) {                                              \
        const eit_nine w = eit_nine_of(code, &p->out, channel);                                                        \
        if (w.k.tie != 0u) {                                                                                           \
            pixels(&w, 1u, r0, r1, r2, out, width);                                                                    \
        } else {                                                                                                       \
            pixels(&w, 0u, r0, r1, r2, out, width);                                                                    \
        }                                                                                                              \
        r0 += plane0;                                                                                                  \
        r1 += plane1;                                                                                                  \
        r2 += plane2;                                                                                                  \
        out += output->plane;                                                                                          \
    }                                                                                                                  \
    eit_limit(&p->out, output, eit_row(output, arena, y), first, end);

#endif
