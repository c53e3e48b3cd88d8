#include "eit_softmax.h"
#include "eit_requant.h"

/* (a * b + 2^30) / 2^31. */
static int32_t multiply(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

static int32_t saturated_left(int32_t value, uint32_t bits)
{
    const int64_t wide = (int64_t)value * ((int64_t)1 << bits);
    return wide > INT32_MAX ? INT32_MAX : (wide < INT32_MIN ? INT32_MIN : (int32_t)wide);
}

/* 1 / (1 + value) in Q0.31 by three steps of Newton's method, value in 0..1 as Q0.31. */
static int32_t one_over_one_plus(int32_t value)
{
    const int32_t half = (int32_t)(((int64_t)value + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + multiply(half, -1010580540); /* 48/17 - 32/17 * half in Q2.29 */
    for (int i = 0; i < 3; i++) {
        x += saturated_left(multiply(x, (1 << 29) - multiply(half, x)), 2);
    }
    return saturated_left(x, 1);
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

static int32_t exponential(const eit_softmax_params *p, uint32_t steps)
{
    return steps < p->count ? p->exponentials[steps] : 0;
}

/* One pixel: channels are `in_plane` and `out_plane` bytes apart. */
static void pixel(const eit_softmax_params *p, const uint8_t *in, uint32_t in_plane, uint8_t *out, uint32_t out_plane,
                  uint32_t channels)
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
    const uint32_t right = 12u - headroom + 31u - 8u;
    for (uint32_t c = 0; c < channels; c++) {
        const int32_t v = multiply(scale, exponential(p, most - in[c * in_plane]));
        const int32_t rounded = (int32_t)(((int64_t)v + ((int64_t)1 << right >> 1)) >> right);
        out[c * out_plane] = (uint8_t)(rounded > 255 ? 255 : rounded);
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
