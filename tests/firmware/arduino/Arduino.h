/* As much of the Arduino core as the sketches use, on a computer. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

unsigned long micros(void);
void delay(unsigned long ms);
void *ps_malloc(size_t size);

#ifdef __cplusplus
}

struct Console {
    void begin(unsigned long baud);
    void print(const char *text);
    void write(uint8_t byte);
};

extern Console Serial;

void setup();
void loop();
#endif

#endif
