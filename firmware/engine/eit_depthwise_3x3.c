/* Depthwise convolution with nine taps, stride 1 or 2: each input column is loaded once for the outputs it takes part in. */
#include "eit_depthwise.h"
#include "eit_requant.h"

/* One channel's nine weights, [row][column], and three input rows. */
typedef struct {
    int32_t a0, b0, c0, a1, b1, c1, a2, b2, c2;
} weights9;

#define FIRST(i) (w.a0 * r0[i] + w.a1 * r1[i] + w.a2 * r2[i])
#define EMIT(sum) *out++ = eit_narrow(sum, k, tie, high)

/* Column x takes part in outputs x - 2 (closing, its last tap), x - 1 (middle) and x (opening). */
#define STEP(closing, middle, opening)                                                                                 \
    do {                                                                                                               \
        const int32_t v0 = *r0++, v1 = *r1++, v2 = *r2++;                                                              \
        closing += w.c0 * v0 + w.c1 * v1 + w.c2 * v2;                                                                  \
        EMIT(closing);                                                                                                 \
        middle += w.b0 * v0 + w.b1 * v1 + w.b2 * v2;                                                                   \
        opening = bias + w.a0 * v0 + w.a1 * v1 + w.a2 * v2;                                                            \
    } while (0)

EIT_INLINE void row_stride1(weights9 w, int32_t bias, const eit_channel *k, int32_t tie, uint32_t high,
                            const uint8_t *r0, const uint8_t *r1, const uint8_t *r2, uint8_t *out, uint32_t width)
{
    int32_t p = bias + FIRST(0), q, t;
    uint8_t *const end = out + width;
    p += w.b0 * r0[1] + w.b1 * r1[1] + w.b2 * r2[1];
    q = bias + FIRST(1);
    r0 += 2;
    r1 += 2;
    r2 += 2;
    for (uint32_t n = width / 3u; n != 0u; n--) {
        STEP(p, q, t);
        STEP(q, t, p);
        STEP(t, p, q);
    }
    while (out != end) {
        STEP(p, q, t);
        p = q;
        q = t;
    }
}

EIT_INLINE void row_stride2(weights9 w, int32_t bias, const eit_channel *k, int32_t tie, uint32_t high,
                            const uint8_t *r0, const uint8_t *r1, const uint8_t *r2, uint8_t *out, uint32_t width)
{
    int32_t p = bias + FIRST(0);
    for (uint8_t *const end = out + width; out != end;) {
        const int32_t v0 = r0[2], v1 = r1[2], v2 = r2[2];
        p += w.b0 * r0[1] + w.b1 * r1[1] + w.b2 * r2[1];
        p += w.c0 * v0 + w.c1 * v1 + w.c2 * v2;
        EMIT(p);
        p = bias + w.a0 * v0 + w.a1 * v1 + w.a2 * v2;
        r0 += 2;
        r1 += 2;
        r2 += 2;
    }
}

static void channel_row(const eit_depthwise *p, uint32_t channel, const uint8_t *r0, const uint8_t *r1,
                        const uint8_t *r2, uint8_t *out, uint32_t width)
{
    const int8_t *from = p->weights + 9u * channel;
    const weights9 w = {from[0], from[1], from[2], from[3], from[4], from[5], from[6], from[7], from[8]};
    const int32_t bias = p->out.bias[channel];
    const eit_channel k = eit_channel_at(&p->out, channel);
    if (p->stride == 1u) {
        row_stride1(w, bias, &k, k.tie, p->out.high, r0, r1, r2, out, width);
    } else {
        row_stride2(w, bias, &k, k.tie, p->out.high, r0, r1, r2, out, width);
    }
    if (p->out.low != 0u) {
        for (uint32_t i = 0; i < width; i++) {
            out[i] = out[i] < p->out.low ? p->out.low : out[i];
        }
    }
}

void eit_depthwise_3x3(const eit_stage *stage, uint8_t *arena, uint32_t y)
{
    const eit_depthwise *p = stage->params;
    const eit_input *input = &stage->input[0];
    const uint32_t row = y * input->stride - input->pad;
    uint32_t plane0, plane1, plane2;
    const uint8_t *r0 = eit_depthwise_row(stage, p, arena, row, &plane0);
    const uint8_t *r1 = eit_depthwise_row(stage, p, arena, row + 1u, &plane1);
    const uint8_t *r2 = eit_depthwise_row(stage, p, arena, row + 2u, &plane2);
    uint8_t *out = eit_row(stage->output, arena, y) + stage->output->pad_left;
    for (uint32_t channel = 0; channel < stage->output->channels; channel++) {
        channel_row(p, channel, r0, r1, r2, out, stage->output->width);
        r0 += plane0;
        r1 += plane1;
        r2 += plane2;
        out += stage->output->plane;
    }
}
