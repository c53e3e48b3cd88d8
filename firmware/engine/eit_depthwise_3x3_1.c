/* Depthwise convolution with nine taps, stride 1: each input column is loaded once for the three outputs it is part of. */
#include "eit_depthwise_3x3.h"

/* Column x closes output x - 2, is the middle of x - 1 and opens x. */
#define STEP(closing, middle, opening)                                                                                 \
    do {                                                                                                               \
        const int32_t v0 = *r0++, v1 = *r1++, v2 = *r2++;                                                              \
        closing += w->c0 * v0 + w->c1 * v1 + w->c2 * v2;                                                               \
        middle += w->b0 * v0 + w->b1 * v1 + w->b2 * v2;                                                                \
        opening = w->bias + w->a0 * v0 + w->a1 * v1 + w->a2 * v2;                                                      \
        *out++ = (uint8_t)eit_narrow(closing, &w->k, tie, w->high);                                                    \
    } while (0)

EIT_INLINE void pixels(const eit_nine *w, const uint32_t tie, const uint8_t *r0, const uint8_t *r1, const uint8_t *r2,
                       uint8_t *out, uint32_t width)
{
    uint8_t *const end = out + width;
    int32_t p = w->bias + EIT_COLUMN_A(0) + EIT_COLUMN_B(1);
    int32_t q = w->bias + EIT_COLUMN_A(1);
    int32_t t;
    r0 += 2;
    r1 += 2;
    r2 += 2;
    for (;;) {
        STEP(p, q, t);
        if (out == end) {
            return;
        }
        STEP(q, t, p);
        if (out == end) {
            return;
        }
        STEP(t, p, q);
        if (out == end) {
            return;
        }
    }
}

void eit_depthwise_3x3_1(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    EIT_DEPTHWISE_3X3_ROW(pixels, stage, arena, y)
}
