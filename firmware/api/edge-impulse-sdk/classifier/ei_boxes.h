/* Objects from the cells of a FOMO head: cells of a class that touch, also by a corner, are one object. */
#ifndef EI_BOXES_H
#define EI_BOXES_H

#include "edge-impulse-sdk/classifier/ei_classifier_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds the cell (x, y) of a class: to the first box of that class that it touches, whose value becomes the greater of
 * both, or as a new one of one cell. Boxes are in cells here. `label` is compared by address. Room for
 * ((rows + 1) / 2) * ((columns + 1) / 2) boxes of every class is enough. */
void ei_boxes_add(ei_impulse_result_bounding_box_t *boxes, uint32_t *count, const char *label, float value, uint32_t x,
                  uint32_t y);

/* Joins boxes of a class that have come to touch, and makes cells into pixels of `cell_width` x `cell_height`. */
void ei_boxes_finish(ei_impulse_result_bounding_box_t *boxes, uint32_t *count, uint32_t cell_width,
                     uint32_t cell_height);

#ifdef __cplusplus
}
#endif

#endif
