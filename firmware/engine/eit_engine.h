/*
 * What generated code and the kernels share: tensors, stages and the scheduler. Not for applications: see eit.h.
 *
 * Activations are bytes q + 128, where q is the model's int8 value: 0..255, so that loads need no sign extension and the
 * zero point of a ReLU output is 0. A tensor is stored row by row, and in a row channel by channel ("HCW"): neighbouring
 * pixels of one channel are neighbouring bytes, which is what a kernel that applies one weight to several pixels wants.
 *
 * A tensor's rows lie in a ring of `ring` slots: a tensor that is consumed while it is made never exists as a whole.
 */
#ifndef EIT_ENGINE_H
#define EIT_ENGINE_H

#include <stdint.h>

#define EIT_MAX_STAGES 32 /* stages that run interleaved; the compiler keeps to it */

/* A tensor's place and shape. Row r starts at arena + offset + (r % ring) * row_bytes; in it, channel c at c * plane;
 * in that, `pad_left` bytes of padding, `width` pixels, and padding up to `plane`. Padding holds `zero`. */
typedef struct {
    uint32_t offset;
    uint32_t row_bytes; /* channels * plane */
    uint16_t ring;
    uint16_t height;
    uint16_t width;
    uint16_t plane;
    uint32_t channels;
    uint8_t pad_left;
    uint8_t zero; /* the stored byte that means 0.0 */
} eit_tensor;

/* The rows of an input that one output row y needs: y * stride - pad + k * dilation for k in 0..kernel-1. */
typedef struct {
    const eit_tensor *tensor;
    int16_t producer; /* the stage of this group that makes it; -1: complete before the group starts */
    uint16_t kernel;
    uint16_t stride;
    uint16_t pad;
    uint16_t dilation;
} eit_input;

typedef struct eit_stage eit_stage;

/* Computes row y of the stage's output. */
typedef void (*eit_row_kernel)(const eit_stage *stage, uint8_t *arena, uint32_t y);

/* One layer: a kernel, its parameters, and where its rows come from and go to. */
struct eit_stage {
    eit_row_kernel kernel;
    const void *params;
    const eit_tensor *output;
    eit_input input[2]; /* the second one's tensor may be null */
    uint32_t scratch;   /* offset in the arena of bytes that only matter during one call, a multiple of 4 */
    uint16_t complete;  /* 1: all rows are wanted, not only those that the group's last stage asks for */
};

/* One output channel's constants: the bias, with the input's zero point folded in, and a multiplier 2^30 .. 2^31 - 1. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
} eit_affine;

/* How accumulators become output bytes (see eit_requant.h). A channel's shift is the first byte of its weights: right
 * shift e in bits 0..4, left shift in bits 5..7, one of them 0. */
typedef struct {
    const eit_affine *channels;
    uint8_t zero;      /* the output's zero point, stored form */
    uint8_t low, high; /* activation range, stored form; low <= zero */
    uint8_t rounding;  /* EIT_ROUND_... */
} eit_requant;

/* How the reference rounds a layer's results. */
#define EIT_ROUND_TWICE_POSITIVE 0u /* in two steps, and results below the zero point are cut off anyway */
#define EIT_ROUND_TWICE 1u          /* in two steps, the second half away from zero */
#define EIT_ROUND_ONCE 2u           /* in one step, as its fully connected layers do; halves go up */

static inline uint8_t *eit_row(const eit_tensor *tensor, uint8_t *arena, uint32_t y)
{
    return arena + tensor->offset + (y % tensor->ring) * tensor->row_bytes;
}

/* Raises every value of a row to at least `low`, for activations that end above the smallest byte. */
void eit_raise(const eit_tensor *tensor, uint8_t *row, uint8_t low);

/* Runs a group of stages, each row as soon as the rows it needs are there and no sooner than it is asked for. */
void eit_run(const eit_stage *stages, uint32_t count, uint8_t *arena);

#endif
