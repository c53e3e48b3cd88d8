/*
 * What generated code and the kernels share: tensors, stages and the scheduler. Not for applications: see eit.h.
 *
 * Activations are bytes q + 128, where q is the model's int8 value: 0..255, so that loads need no sign extension and
 * the zero point of a ReLU output is 0. A tensor is stored row by row, and in a row channel by channel ("HCW"):
 * neighbouring pixels of one channel are neighbouring bytes, which is what a kernel that applies one weight to several
 * pixels wants.
 *
 * A tensor's rows lie in a ring of `ring` slots: a tensor that is consumed while it is made never exists as a whole.
 */
#ifndef EIT_ENGINE_H
#define EIT_ENGINE_H

#include "eit.h"
#include "eit_config.h" /* generated with the model: what of all this it uses */

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

/* Computes channels first..end-1 of row y of the stage's output: all of them, or one worker's share. */
typedef void (*eit_row_kernel)(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

/* One layer: a kernel, its parameters, and where its rows come from and go to. */
struct eit_stage {
    eit_row_kernel kernel; /* null: the rows come from the reader */
    const void *params;
    const eit_tensor *output;
    eit_input input[EIT_INPUTS]; /* where there are fewer, tensors are null */
    uint32_t scratch;            /* offset in the arena of bytes that only matter during one call, a multiple of 4 */
    uint32_t blank;              /* of bytes for a row beyond the edge, where there is such a row */
    uint32_t second;             /* of the second of two workers' scratch, its blank row behind it */
    uint32_t cut;                /* the output channel from which on the second of two workers computes */
    uint16_t complete;           /* 1: all rows are wanted, not only those that the group's last stage asks for */
};

/* One output channel's constants: the bias, with the input's zero point folded in, and a multiplier 2^30..2^31 - 1. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
} eit_affine;

/*
 * How a layer's constants are stored:
 * merged: eit_affine; a multiplier's low five bits are also what its channel's results are shifted down by.
 * exact: eit_affine, and in `more` bytes, a right shift e in bits 0..4 and a left shift in bits 5..7.
 * snapped: a word, bias << 11 | mantissa << 4 | shift; the multiplier is factor * (128 + mantissa) / 256, halved from
 *   2^31 on.
 * packed: a word, with a bias's bits from 16 on in its top `factor` bits, then the multiplier's below 2^30, then the
 *   shift in the last four; and in `more` the bias's low 16 bits.
 */
#define EIT_MERGED 0u
#define EIT_EXACT 1u
#define EIT_SNAPPED 2u
#define EIT_PACKED 3u

/* How accumulators become output bytes (see eit_requant.h). */
typedef struct {
    const void *channels;
    const void *more;   /* of EIT_EXACT and EIT_PACKED */
    uint32_t factor;    /* of EIT_SNAPPED and EIT_PACKED */
    uint16_t half;      /* 2 * zero + 1, the output's zero point in stored form: it and a half, in halves */
    uint8_t form;       /* EIT_MERGED, EIT_EXACT, EIT_SNAPPED, EIT_PACKED */
    uint8_t down;       /* of EIT_SNAPPED and EIT_PACKED: what is added to a channel's shift */
    uint8_t first_half; /* 1: the reference rounds twice, a half more each time */
    uint8_t tie;        /* 1: results below the zero point matter, and their ties round down */
    uint8_t low, high;  /* activation range, stored form; low <= zero */
} eit_requant;

static inline uint8_t *eit_row(const eit_tensor *tensor, uint8_t *arena, uint32_t y)
{
    return arena + tensor->offset + (y % tensor->ring) * tensor->row_bytes;
}

/* The scratch of the worker that computes from channel `first` on, and its blank row behind so much scratch. */
static inline uint8_t *eit_scratch(const eit_stage *stage, uint8_t *arena, uint32_t first)
{
    return arena + (first != 0u ? stage->second : stage->scratch);
}

static inline uint8_t *eit_blank(const eit_stage *stage, uint8_t *arena, uint32_t first, uint32_t scratch)
{
    return arena + (first != 0u ? stage->second + scratch : stage->blank);
}

/* Brings channels first..end-1 of a finished row into an activation's range, where that is not all of 0..255. */
#if EIT_LIMITS
void eit_limit(const eit_requant *q, const eit_tensor *tensor, uint8_t *row, uint32_t first, uint32_t end);
#else
#define eit_limit(q, tensor, row, first, end) ((void)0)
#endif

/* Where the input's rows come from. */
typedef struct {
    eit_row_reader read;
    void *context;
} eit_reader;

/* Stages that run interleaved. */
typedef struct {
    const eit_stage *stages;
    uint32_t count;
} eit_group;

/* Runs groups of stages one after the other, each row as soon as the rows it needs are there and no sooner than it is
 * asked for. With EIT_WORKERS 2 another core makes half of each row's channels. 0, or what the reader returned. */
int eit_run(const eit_group *groups, uint32_t count, uint8_t *arena, const eit_reader *reader);

/* A whole picture in memory as a reader's context. */
typedef struct {
    const uint8_t *pixels;
    uint32_t row_bytes;
    uint8_t flip; /* 0x80 where it holds int8 */
} eit_whole;

int eit_read_whole(void *context, uint32_t y, uint8_t *row);

#endif
