#include "Arduino.h"

#include <cstdio>

Console Serial;

void Console::begin(unsigned long)
{
}

void Console::print(const char *text)
{
    std::fputs(text, stdout);
}

void Console::write(uint8_t byte)
{
    std::putchar(byte);
}

unsigned long micros(void)
{
    return 0;
}

void delay(unsigned long)
{
}

void *ps_malloc(size_t size)
{
    return std::malloc(size);
}

int main()
{
    setup();
    loop();
    return 0;
}
