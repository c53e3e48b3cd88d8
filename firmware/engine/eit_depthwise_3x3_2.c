/* Depthwise convolution with nine taps, stride 2: every second input column closes one output and opens the next. */
#include "eit_depthwise_3x3.h"

EIT_INLINE void pixels(const eit_nine *w, const uint32_t tie, const uint8_t *r0, const uint8_t *r1, const uint8_t *r2,
                       uint8_t *out, uint32_t width)
{
    uint8_t *const end = out + width;
    int32_t sum = w->bias + EIT_COLUMN_A(0);
    while (out != end) {
        const int32_t v0 = r0[2], v1 = r1[2], v2 = r2[2];
        sum += EIT_COLUMN_B(1) + w->c0 * v0 + w->c1 * v1 + w->c2 * v2;
        *out++ = (uint8_t)eit_narrow(sum, &w->k, tie);
        sum = w->bias + w->a0 * v0 + w->a1 * v1 + w->a2 * v2;
        r0 += 2;
        r1 += 2;
        r2 += 2;
    }
}

void eit_depthwise_3x3_2(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    EIT_DEPTHWISE_3X3_ROW(pixels, stage, arena, y, first, end)
}
