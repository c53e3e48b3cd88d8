/*
 * What the library asks of the board. Every function has a weak default (ei_classifier_porting.c); an application that
 * defines one of the same name replaces it.
 */
#ifndef EI_CLASSIFIER_PORTING_H
#define EI_CLASSIFIER_PORTING_H

#include <stddef.h>
#include <stdint.h>

#include "edge-impulse-sdk/dsp/returntypes.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EI_PRINTF_FORMAT __attribute__((format(printf, 1, 2)))
#define EI_WEAK_FN __attribute__((weak))
#else
#define EI_PRINTF_FORMAT
#define EI_WEAK_FN
#endif

/* Waits. */
EI_IMPULSE_ERROR ei_sleep(int32_t time_ms);

/* Asked before and after the signal is read: EI_IMPULSE_CANCELED ends the run, EI_IMPULSE_OK goes on. */
EI_IMPULSE_ERROR ei_run_impulse_check_canceled(void);

/* Time since some moment. A board without a known clock answers 0: define them to have timings. */
uint64_t ei_read_timer_ms(void);
uint64_t ei_read_timer_us(void);

/* Text to the console. */
void ei_printf(const char *format, ...) EI_PRINTF_FORMAT;
void ei_printf_float(float f); /* six decimals, without the %f that small C libraries leave out */
void ei_putchar(char c);

/* Memory; used for the arena where EI_CLASSIFIER_ALLOCATION_HEAP is defined, and by applications. */
void *ei_malloc(size_t size);
void *ei_calloc(size_t nitems, size_t size);
void ei_free(void *ptr);

#ifdef __cplusplus
}
#endif

#endif
