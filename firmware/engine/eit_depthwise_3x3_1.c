/* Depthwise convolution with nine taps, stride 1: each input column is loaded once for its three outputs. */
#include "eit_depthwise_3x3.h"

/* Column x + 2 closes output x, is the middle of x + 1 and opens x + 2. */
#define STEP(x, closing, middle, opening)                                                                              \
    do {                                                                                                               \
        const int32_t v0 = r0[(x) + 2], v1 = r1[(x) + 2], v2 = r2[(x) + 2];                                            \
        closing += w->c0 * v0 + w->c1 * v1 + w->c2 * v2;                                                               \
        middle += w->b0 * v0 + w->b1 * v1 + w->b2 * v2;                                                                \
        opening = w->bias + w->a0 * v0 + w->a1 * v1 + w->a2 * v2;                                                      \
        out[x] = (uint8_t)eit_narrow(closing, &w->k, tie);                                                             \
    } while (0)

EIT_INLINE void pixels(const eit_nine *w, const uint32_t tie, const uint8_t *r0, const uint8_t *r1, const uint8_t *r2,
                       uint8_t *out, uint32_t width)
{
    uint8_t *const end = out + width;
    int32_t p = w->bias + EIT_COLUMN_A(0) + EIT_COLUMN_B(1);
    int32_t q = w->bias + EIT_COLUMN_A(1);
    int32_t t;
    while ((uint32_t)(end - out) >= 3u) {
        STEP(0, p, q, t);
        STEP(1, q, t, p);
        STEP(2, t, p, q);
        r0 += 3;
        r1 += 3;
        r2 += 3;
        out += 3;
    }
    if (out != end) {
        p += EIT_COLUMN_C(2);
        out[0] = (uint8_t)eit_narrow(p, &w->k, tie);
        if (out + 1 != end) {
            q += EIT_COLUMN_B(2) + EIT_COLUMN_C(3);
            out[1] = (uint8_t)eit_narrow(q, &w->k, tie);
        }
    }
}

void eit_depthwise_3x3_1(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    EIT_DEPTHWISE_3X3_ROW(pixels, stage, arena, y, first, end)
}
