/* Between a model's own order of bytes (pixels, then channels) and the engine's rows of planes. */
#ifndef EIT_LAYOUT_H
#define EIT_LAYOUT_H

#include "eit_engine.h"

typedef struct {
    uint8_t flip; /* 0x80 where the interleaved side holds int8, 0 where it holds stored bytes */
} eit_layout;

void eit_planes_from_pixels(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);
void eit_pixels_from_planes(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end);

#endif
