/*
 * The engine's face to an application: status codes. A compiled model `<name>.h` includes this and nothing else.
 *
 * A compiled model works in one block of memory, the arena, that the caller owns and may reuse between inferences. The
 * input comes in rows, by a function that the caller gives to `<name>_invoke_rows`; `<name>_output` says where to read
 * the result. Or it is written into a larger arena as a whole, where `<name>_input` says, and `<name>_invoke` computes,
 * which overwrites it. There is no other state, so several arenas may be used at the same time.
 */
#ifndef EIT_H
#define EIT_H

#include <stdint.h>

/* How many cores share an inference, 1 or 2: see eit_port.h. The same in every file of a program. */
#ifndef EIT_WORKERS
#define EIT_WORKERS 1u
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Writes row y of the input, <NAME>_INPUT_ROW_BYTES bytes: the quantised values, all channels of a pixel after the
 * other; those of an int8 input plus 128, so that a picture's bytes are what they are. It is called for each row once,
 * in order, when the row is needed; rows that no result depends on are not asked for. Returns 0, or anything else to
 * stop. */
typedef int (*eit_row_reader)(void *context, uint32_t y, uint8_t *row);

/* What `<name>_invoke` and `<name>_invoke_rows` return. */
typedef enum {
    EIT_OK = 0,
    EIT_ERROR_NULL = 1,       /* no arena was given */
    EIT_ERROR_ARENA_SIZE = 2, /* the arena is smaller than <NAME>_ARENA_BYTES, or <NAME>_ROWS_ARENA_BYTES for rows */
    EIT_ERROR_ALIGNMENT = 3,  /* the arena does not start at a multiple of <NAME>_ARENA_ALIGN bytes */
    EIT_ERROR_INPUT = 4       /* the function that reads rows did not return 0 */
} eit_status;

#ifdef __cplusplus
}
#endif

#endif
