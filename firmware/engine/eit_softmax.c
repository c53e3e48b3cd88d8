#include "eit_small.h"

#include "eit_softmax.h"
#include "eit_requant.h"

/* (a * b + 2^30) / 2^31. */
static EIT_COLD int32_t multiply(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* 1 / (1 + value) in Q0.31 by three steps of Newton's method, value in 0..1 as Q0.31. */
static EIT_COLD int32_t one_over_one_plus(int32_t value)
{
    const int32_t half = (value >> 1) + (1 << 30);
    int32_t x = 1515870810 + multiply(half, -1010580540); /* 48/17 - 32/17 * half in Q2.29 */
    for (int i = 0; i < 3; i++) {
        x += multiply(x, (1 << 29) - multiply(half, x)) * 4; /* at most 2/17 of the range */
    }
    return x >= 1 << 30 ? INT32_MAX : x * 2;
}

static uint32_t leading_zeros(uint32_t value)
{
    uint32_t count = 0;
    while ((value & 0x80000000u) == 0u && count < 32u) {
        value <<= 1;
        count++;
    }
    return count;
}

/* exp(-steps) in Q0.31 as gemmlowp computes it: a quarter's exp by Taylor's series around -1/8, the rest by a factor
 * for each bit, exp(-1/4), exp(-1/2) .. exp(-16). */
static EIT_COLD int32_t exponential(const eit_softmax_params *p, uint32_t steps)
{
    static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    if (steps == 0u) {
        return INT32_MAX;
    }
    if (steps > p->radius) {
        return 0;
    }
    const int32_t value = multiply(-(int32_t)(steps << p->shift), p->multiplier);
    const int32_t rest = (value & 0xffffff) - 0x1000000;
    const uint32_t quarters = (uint32_t)(rest - value) >> 24;
    const int32_t x = rest * 32 + (1 << 28);
    const int32_t x2 = multiply(x, x);
    const int32_t third = multiply(((multiply(x2, x2) + 2) >> 2) + multiply(x2, x), 715827883);
    int32_t result = 1895147668 + multiply(1895147668, x + ((third + x2 + 1) >> 1));
    for (uint32_t i = 0; i < 7u; i++) {
        if ((quarters >> i & 1u) != 0u) {
            result = multiply(result, factors[i]);
        }
    }
    return result;
}

/* One pixel: channels are `in_plane` and `out_plane` bytes apart. */
static EIT_COLD void pixel(const eit_softmax_params *p, const uint8_t *in, uint32_t in_plane, uint8_t *out,
                           uint32_t out_plane, uint32_t channels)
{
    uint32_t most = 0;
    int32_t sum = 0; /* Q12.19 */
    for (uint32_t c = 0; c < channels; c++) {
        const uint32_t v = in[c * in_plane];
        most = v > most ? v : most;
    }
    for (uint32_t c = 0; c < channels; c++) {
        const int32_t e = exponential(p, most - in[c * in_plane]);
        sum += (e >> 12) + ((e >> 11) & 1);
    }
    const uint32_t headroom = leading_zeros((uint32_t)sum);
    const int32_t fraction = (int32_t)(((uint32_t)sum << headroom) - 0x80000000u);
    const int32_t scale = one_over_one_plus(fraction);
    const uint32_t right = 12u - headroom + 31u - 8u; /* 23 or more; from 32 on nothing is left */
    for (uint32_t c = 0; c < channels; c++) {
        const uint32_t v = (uint32_t)multiply(scale, exponential(p, most - in[c * in_plane]));
        const uint32_t rounded = right > 31u ? 0u : (v + (1u << (right - 1u))) >> right;
        out[c * out_plane] = (uint8_t)(rounded > 255u ? 255u : rounded);
    }
}

void eit_softmax(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_tensor *input = stage->input[0].tensor;
    const eit_tensor *output = stage->output;
    (void)first; /* all channels at once, by one worker */
    (void)end;
    const uint8_t *in = eit_row(input, arena, y) + input->pad_left;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left;
    for (uint32_t x = 0; x < output->width; x++) {
        pixel(stage->params, in + x, input->plane, out + x, output->plane, output->channels);
    }
}
