/* Runs the model on every input that QEMU has loaded and writes the output bytes, then the cycles of the first run. */
#include <stddef.h>
#include <stdint.h>

#include "model.h"

#define LOADED 0x61000000u

void board_write(const void *bytes, uint32_t count);
void *memset(void *to, int value, size_t count);
void *memcpy(void *to, const void *from, size_t count);

static uint32_t arena[(MODEL_ARENA_BYTES + 3u) / 4u];

static uint32_t cycles(void)
{
    uint32_t n;
    __asm__ volatile("rsr %0, ccount" : "=a"(n));
    return n;
}

int main(void)
{
    const uint32_t count = *(volatile uint32_t *)LOADED;
    const uint8_t *input = (const uint8_t *)(LOADED + 16u);
    uint32_t taken = 0u;
    for (uint32_t i = 0u; i < count; i++) {
        memset(arena, 0xa5, sizeof arena);
        memcpy(model_input(arena), input + i * MODEL_INPUT_BYTES, MODEL_INPUT_BYTES);
        const uint32_t before = cycles();
        if (model_invoke(arena, sizeof arena) != EIT_OK) {
            return 1;
        }
        taken = i == 0u ? cycles() - before : taken;
        board_write(model_output(arena), MODEL_OUTPUT_BYTES);
    }
    board_write(&taken, sizeof taken);
    return 0;
}
