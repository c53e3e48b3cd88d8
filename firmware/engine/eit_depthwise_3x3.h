/* One row of a depthwise convolution with nine taps; included once per stride of the columns. */
#ifndef EIT_DEPTHWISE_3X3_H
#define EIT_DEPTHWISE_3X3_H

#include "eit_depthwise.h"
#include "eit_requant.h"

/* A channel's nine weights, a column of the kernel per letter, its bias and its other constants. */
typedef struct {
    int32_t a0, b0, c0, a1, b1, c1, a2, b2, c2;
    int32_t bias, high;
    eit_channel k;
} eit_nine;

/* What column `x` adds to an output as its first, second and third column. */
#define EIT_COLUMN_A(x) (w->a0 * r0[x] + w->a1 * r1[x] + w->a2 * r2[x])
#define EIT_COLUMN_B(x) (w->b0 * r0[x] + w->b1 * r1[x] + w->b2 * r2[x])
#define EIT_COLUMN_C(x) (w->c0 * r0[x] + w->c1 * r1[x] + w->c2 * r2[x])

/* Runs pixels(w, tie, r0, r1, r2, out, width) for every channel of row y. */
#define EIT_DEPTHWISE_3X3_ROW(pixels, stage, arena, y)                                                                 \
    const eit_depthwise *p = (stage)->params;                                                                          \
    const eit_tensor *output = (stage)->output;                                                                        \
    const uint32_t top = (y) * (stage)->input[0].stride - (stage)->input[0].pad;                                       \
    const uint32_t width = output->width;                                                                              \
    uint32_t plane0, plane1, plane2;                                                                                   \
    const uint8_t *r0 = eit_depthwise_row(stage, p, arena, top, &plane0);                                              \
    const uint8_t *r1 = eit_depthwise_row(stage, p, arena, top + 1u, &plane1);                                         \
    const uint8_t *r2 = eit_depthwise_row(stage, p, arena, top + 2u, &plane2);                                         \
    uint8_t *out = eit_row(output, arena, y) + output->pad_left;                                                       \
    const int8_t *code = p->weights;                                                                                   \
    const eit_affine *const end = p->out.channels + output->channels;                                                  \
    for (const eit_affine *affine = p->out.channels; affine != end; affine++, code += 10) {                            \
        const eit_nine w = {code[1], code[2], code[3], code[4], code[5], code[6], code[7], code[8], code[9],           \
                            affine->bias, p->out.high, eit_channel_of(&p->out, affine->multiplier, (uint8_t)code[0])}; \
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
    if (p->out.low != 0u) {                                                                                            \
        eit_raise(output, eit_row(output, arena, y), p->out.low);                                                      \
    }

#endif
