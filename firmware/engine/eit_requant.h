/*
 * From a 32-bit accumulator to an output byte, exactly as TensorFlow Lite's reference kernels round.
 *
 * The reference computes y = floor((x * m + 2^30) / 2^31) and then y / 2^e rounded half away from zero. With
 * h = floor(4 * x * m / 2^32), which is one multiply-high, and 4 * 2^30 a multiple of 2^32, both roundings become one
 * addition and one shift: (h + 2^e + 1) >> (e + 1). For y < 0 the tie goes the other way: 2 is taken off first. Where the
 * reference rounds once, it is (h + 2^e) >> (e + 1), and multipliers with which a negative result could lie in the
 * middle are a step larger. The zero point is added before the shift. The compiler proves |4 * x * 2^left| < 2^31 for
 * every channel.
 */
#ifndef EIT_REQUANT_H
#define EIT_REQUANT_H

#include "eit_engine.h"

#if defined(__GNUC__) && !defined(__clang__)
/* Loading operands early only pushes accumulators out of the registers. */
#pragma GCC optimize("no-schedule-insns")
#define EIT_UNROLL _Pragma("GCC unroll 12")
#define EIT_INLINE static inline __attribute__((always_inline))
#elif defined(__clang__)
#define EIT_UNROLL _Pragma("clang loop unroll(full)")
#define EIT_INLINE static inline __attribute__((always_inline))
#else
#define EIT_UNROLL
#define EIT_INLINE static inline
#endif

/* Right shifts of negative numbers must keep the sign, as they do with every compiler of these targets. */
typedef char eit_right_shift_keeps_the_sign[(-1 >> 1) == -1 ? 1 : -1];

/* One channel's constants, ready for use. */
typedef struct {
    int32_t multiplier;
    int32_t round;
    uint32_t up, down;
    uint32_t tie; /* 1: ties below the zero point round down */
} eit_channel;

EIT_INLINE eit_channel eit_channel_of(const eit_requant *q, int32_t multiplier, uint32_t shift)
{
    const uint32_t right = shift & 31u;
    eit_channel k;
    k.multiplier = multiplier;
    k.down = right + 1u;
    k.up = 2u + (shift >> 5);
    k.round = (int32_t)(((2u * q->zero + 1u) << right) + (right != 0u && q->rounding != EIT_ROUND_ONCE ? 1u : 0u));
    k.tie = q->rounding == EIT_ROUND_TWICE && right != 0u;
    return k;
}

EIT_INLINE int32_t eit_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

/* One accumulator to a stored value 0..high. */
EIT_INLINE int32_t eit_narrow(int32_t accumulator, const eit_channel *k, const uint32_t tie, int32_t high)
{
    int32_t h = eit_multiply_high((int32_t)((uint32_t)accumulator << k->up), k->multiplier);
    if (tie != 0u) {
        h -= (int32_t)(((uint32_t)h >> 31) << 1);
    }
    h = (h + k->round) >> k->down;
    if ((uint32_t)h > (uint32_t)high) {
        h = h < 0 ? 0 : high;
    }
    return h;
}

/* A tile of one channel's accumulators to its output bytes. */
EIT_INLINE void eit_finish(const eit_requant *q, int32_t multiplier, uint32_t shift, const int32_t *accumulators,
                           const uint32_t n, uint8_t *out)
{
    const eit_channel k = eit_channel_of(q, multiplier, shift);
    const int32_t high = q->high;
    if (k.tie != 0u) {
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            out[i] = (uint8_t)eit_narrow(accumulators[i], &k, 1u, high);
        }
    } else {
        EIT_UNROLL
        for (uint32_t i = 0; i < n; i++) {
            out[i] = (uint8_t)eit_narrow(accumulators[i], &k, 0u, high);
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
