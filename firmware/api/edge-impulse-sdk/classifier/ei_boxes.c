#include "edge-impulse-sdk/classifier/ei_boxes.h"

typedef ei_impulse_result_bounding_box_t box;

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Grows `into` by `other` if both are of one class and touch; whether that was so. */
static int join(box *into, const box *other)
{
    const uint32_t right = into->x + into->width, bottom = into->y + into->height;
    const uint32_t other_right = other->x + other->width, other_bottom = other->y + other->height;
    if (into->label != other->label || other->x > right || into->x > other_right || other->y > bottom ||
        into->y > other_bottom) {
        return 0;
    }
    into->x = least(into->x, other->x);
    into->y = least(into->y, other->y);
    into->width = most(right, other_right) - into->x;
    into->height = most(bottom, other_bottom) - into->y;
    into->value = into->value > other->value ? into->value : other->value;
    return 1;
}

static void add(box *boxes, uint32_t *count, const box *found)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (join(&boxes[i], found)) {
            return;
        }
    }
    boxes[(*count)++] = *found;
}

void ei_boxes_add(box *boxes, uint32_t *count, const char *label, float value, uint32_t x, uint32_t y)
{
    const box cell = {label, x, y, 1u, 1u, value};
    add(boxes, count, &cell);
}

void ei_boxes_finish(box *boxes, uint32_t *count, uint32_t cell_width, uint32_t cell_height)
{
    const uint32_t before = *count;
    *count = 0u;
    for (uint32_t i = 0; i < before; i++) {
        const box found = boxes[i]; /* never behind what is written */
        add(boxes, count, &found);
    }
    for (uint32_t i = 0; i < *count; i++) {
        boxes[i].x *= cell_width;
        boxes[i].y *= cell_height;
        boxes[i].width *= cell_width;
        boxes[i].height *= cell_height;
    }
}
