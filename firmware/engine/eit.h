/*
 * The engine's face to an application: status codes. A compiled model `<name>.h` includes this and nothing else.
 *
 * A compiled model works in one block of memory, the arena, that the caller owns and may reuse between inferences. The
 * input lies in it: `<name>_input` says where to write, `<name>_invoke` computes, `<name>_output` says where to read.
 * Computing overwrites the input. There is no other state, so several arenas may be used at the same time.
 */
#ifndef EIT_H
#define EIT_H

#ifdef __cplusplus
extern "C" {
#endif

/* What `<name>_invoke` returns. */
typedef enum {
    EIT_OK = 0,
    EIT_ERROR_NULL = 1,       /* no arena was given */
    EIT_ERROR_ARENA_SIZE = 2, /* the arena is smaller than <NAME>_ARENA_BYTES */
    EIT_ERROR_ALIGNMENT = 3   /* the arena does not start at a multiple of <NAME>_ARENA_ALIGN bytes */
} eit_status;

#ifdef __cplusplus
}
#endif

#endif
