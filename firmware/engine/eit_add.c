/*
 * Sums and differences. The reference scales each operand, 20 bits finer than it is stored, by a multiplier below 1 and
 * rounds; adds; and scales the sum to the output. An operand's difference to its zero point has 9 bits, so one
 * multiply-high of it shifted to the top gives its first rounding; the sum has at most 29, so eit_requant.h's formula
 * gives its two.
 */
#include "eit_elementwise.h"
#include "eit_requant.h"

/* value * 2^20 * multiplier / 2^31, rounded, then / 2^right, rounded half away from zero; |value| < 2^8, right < 32. */
EIT_INLINE int32_t operand(int32_t value, int32_t multiplier, uint32_t right, int32_t half)
{
    const int32_t y = (eit_multiply_high(value * (1 << 22), multiplier) + 1) >> 1;
    return half != 0 ? (y + half + (y >> 31)) >> right : y;
}

EIT_INLINE void sum(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end,
                    const int32_t sign_a, const int32_t sign_b)
{
    const eit_elementwise *p = stage->params;
    const eit_tensor *output = stage->output;
    const uint32_t right_a = (uint32_t)-p->shift[0];
    const uint32_t right_b = (uint32_t)-p->shift[1];
    const uint32_t right = (uint32_t)-p->shift[2];
    const int32_t half_a = (int32_t)((1u << right_a) >> 1);
    const int32_t half_b = (int32_t)((1u << right_b) >> 1);
    const int32_t half = (int32_t)((1u << right) + 1u);
    const int32_t low = p->low;
    const int32_t high = p->high;
    eit_operand a = eit_operand_at(stage, p, 0, arena, y, first);
    eit_operand b = eit_operand_at(stage, p, 1, arena, y, first);
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    for (uint32_t c = first; c < end; c++) {
        const uint8_t *from_a = a.row;
        const uint8_t *from_b = b.row;
        for (uint32_t x = 0; x < output->width; x++) {
            const int32_t scaled_a = operand(*from_a - (int32_t)p->zero[0], p->multiplier[0], right_a, half_a);
            const int32_t scaled_b = operand(*from_b - (int32_t)p->zero[1], p->multiplier[1], right_b, half_b);
            int32_t v = eit_multiply_high((sign_a * scaled_a + sign_b * scaled_b) * 4, p->multiplier[2]);
            v = ((v - (int32_t)(((uint32_t)v >> 31) << 1) + half) >> (right + 1u)) + p->zero[2];
            v = v < low ? low : v;
            out[x] = (uint8_t)(v > high ? high : v);
            from_a += a.step;
            from_b += b.step;
        }
        a.row += a.plane;
        b.row += b.plane;
        out += output->plane;
    }
}

void eit_add(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    sum(stage, arena, y, first, end, 1, 1);
}

void eit_sub(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    sum(stage, arena, y, first, end, 1, -1);
}

void eit_sub_reversed(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    sum(stage, arena, y, first, end, -1, 1);
}
