#ifndef STDIO_H
#define STDIO_H
#include <stdarg.h>
int vprintf(const char *format, va_list arguments);
int putchar(int byte);
#endif
