/* Pictures from a camera to the size of a model. */
#ifndef EIT_PICTURE_H
#define EIT_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "model-parameters/model_names.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A rectangle of a picture: `pixels` is the whole picture's first byte, rows of `stride` pixels. */
typedef struct {
    const uint8_t *pixels;
    uint32_t stride;
    uint32_t x, y, width, height;
    int rgb565; /* not 0: two bytes per pixel as cameras send them, high byte first; read as three channels */
} eit_crop;

/* The largest rectangle in the middle of a width x height picture with the shape of target_width : target_height. */
eit_crop eit_fit_shortest(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t target_width,
                          uint32_t target_height);

/*
 * Resizes by area: every target pixel is the mean of what it covers, so shrinking neither skips nor repeats pixels.
 * `channels` bytes per pixel. `target` may be the source where neither side grows. Sides 1..4096.
 */
void eit_resize(const eit_crop *source, uint8_t *target, uint32_t width, uint32_t height, uint32_t channels);

/* Row y of what eit_resize makes, for who wants one at a time. */
void eit_resize_row(const eit_crop *source, uint32_t y, uint8_t *target, uint32_t width, uint32_t height,
                    uint32_t channels);

#ifdef __cplusplus
}
#endif

#endif
