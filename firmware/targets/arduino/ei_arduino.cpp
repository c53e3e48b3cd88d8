/* Text to Serial, and not to where the C library writes, which is another port on some boards. */
#if defined(ARDUINO)

#include <Arduino.h>
#include <stdarg.h>
#include <stdio.h>

#include "edge-impulse-sdk/porting/ei_classifier_porting.h"

extern "C" EI_WEAK_FN void ei_printf(const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    Serial.print(text);
}

extern "C" EI_WEAK_FN void ei_putchar(char c)
{
    Serial.write(static_cast<uint8_t>(c));
}

#endif
