/* What the compiler calls and the toolchain lacks: it has no C library, and no multiplication or division of its own.
 */
#include <stddef.h>
#include <stdint.h>

void *memset(void *to, int value, size_t count)
{
    for (uint8_t *byte = to; count != 0u; count--) {
        *byte++ = (uint8_t)value;
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t count)
{
    const uint8_t *source = from;
    for (uint8_t *byte = to; count != 0u; count--) {
        *byte++ = *source++;
    }
    return to;
}

/* The high word of a product, by halves: this core has no instruction for it, unlike an ESP32. */
static uint32_t high(uint32_t a, uint32_t b)
{
    const uint32_t low = (a & 0xffffu) * (b & 0xffffu);
    const uint32_t left = (a >> 16) * (b & 0xffffu);
    const uint32_t right = (a & 0xffffu) * (b >> 16);
    const uint32_t middle = (low >> 16) + (left & 0xffffu) + (right & 0xffffu);
    return (a >> 16) * (b >> 16) + (left >> 16) + (right >> 16) + (middle >> 16);
}

int64_t __muldi3(int64_t a, int64_t b)
{
    const uint32_t low_a = (uint32_t)a, low_b = (uint32_t)b;
    const uint32_t top =
        high(low_a, low_b) + (uint32_t)((uint64_t)a >> 32) * low_b + low_a * (uint32_t)((uint64_t)b >> 32);
    return (int64_t)((uint64_t)top << 32 | (uint32_t)(low_a * low_b));
}

static uint32_t divided(uint32_t a, uint32_t b, uint32_t *rest)
{
    uint32_t quotient = 0u;
    *rest = 0u;
    for (int bit = 31; bit >= 0; bit--) {
        *rest = *rest << 1 | (a >> bit & 1u);
        if (*rest >= b) {
            *rest -= b;
            quotient |= 1u << bit;
        }
    }
    return quotient;
}

uint32_t __udivsi3(uint32_t a, uint32_t b)
{
    uint32_t rest;
    return divided(a, b, &rest);
}

uint32_t __umodsi3(uint32_t a, uint32_t b)
{
    uint32_t rest;
    (void)divided(a, b, &rest);
    return rest;
}

int32_t __divsi3(int32_t a, int32_t b)
{
    const uint32_t q = __udivsi3(a < 0 ? 0u - (uint32_t)a : (uint32_t)a, b < 0 ? 0u - (uint32_t)b : (uint32_t)b);
    return (a < 0) != (b < 0) ? (int32_t)(0u - q) : (int32_t)q;
}

int32_t __modsi3(int32_t a, int32_t b)
{
    return a - __divsi3(a, b) * b;
}
