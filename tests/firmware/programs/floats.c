#include <stdio.h>

#include "edge-impulse-sdk/porting/ei_classifier_porting.h"

int main(void)
{
    float f;
    while (fread(&f, sizeof f, 1, stdin) == 1) {
        ei_printf_float(f);
        ei_putchar('\n');
    }
    return ei_sleep(1) != EI_IMPULSE_OK || ei_read_timer_ms() == 0;
}
