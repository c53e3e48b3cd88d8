/*
 * From a 32-bit accumulator to an output byte, exactly as TensorFlow Lite's reference kernels round.
 *
 * The reference computes y = floor((x * m + 2^30) / 2^31) and then y / 2^e rounded half away from zero. With
 * h = floor(4 * x * m / 2^32), which is one multiply-high, and 4 * 2^30 a multiple of 2^32, both roundings become one
 * addition and one shift: (h + 2^e + 1) >> (e + 1). For y < 0 the tie goes the other way: 2 is taken off first. Where
 * the reference rounds once, it is (h + 2^e) >> (e + 1), and multipliers with which a negative result could lie in the
 * middle are a step larger. The zero point is added before the shift. The compiler proves for every channel that no
 * step leaves 32 bits, and where it stores the multiplier less exactly, that each of the at most 255 accumulators at
 * which the result changes is the reference's: both are steps that only rise.
 */
#ifndef EIT_REQUANT_H
#define EIT_REQUANT_H

#include "eit_engine.h"

#if defined(__GNUC__) && !defined(__clang__)
/* Loading operands early only pushes accumulators out of the registers; so does storing results only where two branches
 * meet. */
#pragma GCC optimize("no-schedule-insns", "no-tree-sink")
#define EIT_UNROLL _Pragma("GCC unroll 12")
#define EIT_INLINE static inline __attribute__((always_inline))
#define EIT_COLD __attribute__((noinline))
#elif defined(__clang__)
#define EIT_UNROLL _Pragma("clang loop unroll(full)")
#define EIT_INLINE static inline __attribute__((always_inline))
#define EIT_COLD __attribute__((noinline))
#else
#define EIT_UNROLL
#define EIT_INLINE static inline
#define EIT_COLD
#endif

/* Right shifts of negative numbers must keep the sign, as they do with every compiler of these targets. */
typedef char eit_right_shift_keeps_the_sign[(-1 >> 1) == -1 ? 1 : -1];

/* One channel's constants, ready for use. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t round;
    uint32_t up, down;
    uint32_t tie; /* 1: ties below the zero point round down */
} eit_channel;

EIT_INLINE int32_t eit_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

EIT_INLINE uint32_t eit_multiply_high_unsigned(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

/* Whether a layer is of `some` kinds and not of `others`, bits of what a family uses: what `is` says, but known when
 * compiling where the family has layers of one sort only. */
EIT_INLINE uint32_t eit_among(const uint32_t uses, const uint32_t some, const uint32_t others, int is)
{
    return (uses & some) != 0u && ((uses & others) == 0u || is) ? 1u : 0u;
}

/* A channel's constants. `uses` is EIT_POINTWISE, EIT_CONV or EIT_DEPTHWISE, as eit_config.h has them. */
EIT_INLINE eit_channel eit_channel_of(const eit_requant *q, uint32_t channel, const uint32_t uses)
{
    eit_channel k;
    k.up = 2u;
    k.tie = eit_among(uses, 32u, 16u, q->tie != 0u);
    if (eit_among(uses, 12u, 3u, q->form >= EIT_SNAPPED)) {
        const uint32_t word = ((const uint32_t *)q->channels)[channel];
        k.down = q->down + (word & 15u);
        if (eit_among(uses, 4u, 8u, q->form == EIT_SNAPPED)) {
            k.bias = (int32_t)word >> 11;
            const uint32_t wide = eit_multiply_high_unsigned(q->factor, ((word << 20) | 0x80000000u) & 0xff000000u);
            k.multiplier = (int32_t)(wide >> (wide >> 31));
        } else {
            const uint32_t high = (uint32_t)((int32_t)word >> (32u - q->factor));
            k.bias = (int32_t)(high << 16 | ((const uint16_t *)q->more)[channel]);
            k.multiplier = (int32_t)((word << q->factor) >> 2 | 0x40000000u);
        }
    } else {
        const eit_affine *affine = (const eit_affine *)q->channels + channel;
        k.bias = affine->bias;
        k.multiplier = affine->multiplier;
        k.down = (uint32_t)affine->multiplier & 31u;
        if (eit_among(uses, 2u, 1u, q->form == EIT_EXACT)) {
            const uint32_t shifts = ((const uint8_t *)q->more)[channel];
            k.down = (shifts & 31u) + 1u;
            k.up = 2u + (shifts >> 5);
            if (k.down == 1u) {
                k.tie = 0u;
                k.round = q->half;
                return k;
            }
        }
    }
    k.round = (int32_t)((uint32_t)q->half << (k.down - 1u)) + q->first_half;
    return k;
}

/* One accumulator to a byte, in the low 8 bits. */
EIT_INLINE int32_t eit_narrow(int32_t accumulator, const eit_channel *k, const uint32_t tie)
{
    int32_t h = eit_multiply_high((int32_t)((uint32_t)accumulator << k->up), k->multiplier);
    if (tie != 0u) {
        h -= (int32_t)(((uint32_t)h >> 31) << 1);
    }
    h = (h + k->round) >> k->down;
    if ((uint32_t)h > 255u) {
        h = ~(h >> 31); /* 0 below, -1 above: its low byte is 255 */
    }
    return h;
}

/* A tile of one channel's accumulators to its output bytes. */
EIT_INLINE void eit_finish(const eit_channel *k, const int32_t *accumulators, const uint32_t n, uint8_t *out)
{
    if (k->tie != 0u) {
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            out[i] = (uint8_t)eit_narrow(accumulators[i], k, 1u);
        }
    } else {
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            out[i] = (uint8_t)eit_narrow(accumulators[i], k, 0u);
        }
    }
}

/* The reference's MultiplyByQuantizedMultiplier for any operands, where speed matters less. */
static inline int32_t eit_scale(int32_t x, int32_t multiplier, int32_t shift)
{
    const uint32_t left = shift > 0 ? (uint32_t)shift : 0u;
    const uint32_t right = shift > 0 ? 0u : (uint32_t)-shift;
    const int64_t product = (int64_t)(int32_t)((uint32_t)x << left) * multiplier;
    const int32_t y = (int32_t)((product + ((int64_t)1 << 30)) >> 31);
    const int32_t mask = (int32_t)((1u << right) - 1u);
    const int32_t threshold = (mask >> 1) + (y < 0 ? 1 : 0);
    return (y >> right) + ((y & mask) > threshold ? 1 : 0);
}

#endif
