#if defined(__unix__) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L /* clock_gettime, nanosleep */
#endif

#include "edge-impulse-sdk/porting/ei_classifier_porting.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(ARDUINO)
#include <Arduino.h>
#elif defined(ESP_PLATFORM)
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#elif defined(__unix__) || defined(__APPLE__)
#include <time.h>
#endif

#if defined(ESP_PLATFORM) || defined(ARDUINO_ARCH_ESP32)
#include "esp_heap_caps.h"
#endif

/* ---- The clock ---- */

#if defined(ARDUINO)

EI_WEAK_FN uint64_t ei_read_timer_us(void)
{
    return micros();
}

EI_WEAK_FN EI_IMPULSE_ERROR ei_sleep(int32_t time_ms)
{
    delay((unsigned long)time_ms);
    return EI_IMPULSE_OK;
}

#elif defined(ESP_PLATFORM)

EI_WEAK_FN uint64_t ei_read_timer_us(void)
{
    return (uint64_t)esp_timer_get_time();
}

EI_WEAK_FN EI_IMPULSE_ERROR ei_sleep(int32_t time_ms)
{
    vTaskDelay(pdMS_TO_TICKS(time_ms));
    return EI_IMPULSE_OK;
}

#elif defined(__unix__) || defined(__APPLE__)

EI_WEAK_FN uint64_t ei_read_timer_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

EI_WEAK_FN EI_IMPULSE_ERROR ei_sleep(int32_t time_ms)
{
    const struct timespec time = {time_ms / 1000, time_ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
    return EI_IMPULSE_OK;
}

#else

EI_WEAK_FN uint64_t ei_read_timer_us(void)
{
    return 0u;
}

EI_WEAK_FN EI_IMPULSE_ERROR ei_sleep(int32_t time_ms)
{
    (void)time_ms;
    return EI_IMPULSE_OK;
}

#endif

EI_WEAK_FN uint64_t ei_read_timer_ms(void)
{
    return ei_read_timer_us() / 1000u;
}

/* ---- Memory: where an ESP32 has external RAM, internal memory first, which is several times faster ---- */

EI_WEAK_FN void *ei_malloc(size_t size)
{
#if defined(ESP_PLATFORM) || defined(ARDUINO_ARCH_ESP32)
    return heap_caps_malloc_prefer(size, 2, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT, MALLOC_CAP_DEFAULT);
#else
    return malloc(size);
#endif
}

EI_WEAK_FN void *ei_calloc(size_t nitems, size_t size)
{
#if defined(ESP_PLATFORM) || defined(ARDUINO_ARCH_ESP32)
    return heap_caps_calloc_prefer(nitems, size, 2, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT, MALLOC_CAP_DEFAULT);
#else
    return calloc(nitems, size);
#endif
}

EI_WEAK_FN void ei_free(void *ptr)
{
    free(ptr);
}

/* ---- The console ---- */

#if !defined(ARDUINO) /* there it is Serial, in C++ */

EI_WEAK_FN void ei_printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

EI_WEAK_FN void ei_putchar(char c)
{
    putchar(c);
}

#endif

EI_WEAK_FN void ei_printf_float(float f)
{
    const double size = f < 0.0f ? -(double)f : (double)f;
    const char *sign = f < 0.0f ? "-" : "";
    if (!(size < 4294967295.0)) { /* not a number, infinite, or beyond what is printed in two parts */
        ei_printf("%s%s", sign, f == f ? "inf" : "nan");
        return;
    }
    uint32_t whole = (uint32_t)size;
    uint32_t millionths = (uint32_t)((size - whole) * 1e6 + 0.5);
    if (millionths == 1000000u) {
        whole++;
        millionths = 0u;
    }
    ei_printf("%s%lu.%06lu", sign, (unsigned long)whole, (unsigned long)millionths);
}

EI_WEAK_FN EI_IMPULSE_ERROR ei_run_impulse_check_canceled(void)
{
    return EI_IMPULSE_OK;
}
