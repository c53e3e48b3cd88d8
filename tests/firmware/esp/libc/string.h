/* Declarations for a compiler without a C library; the same in the files beside this one. */
#ifndef STRING_H
#define STRING_H
#include <stddef.h>
void *memcpy(void *target, const void *source, size_t size);
void *memset(void *target, int byte, size_t size);
#endif
