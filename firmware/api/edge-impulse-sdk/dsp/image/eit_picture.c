#include "edge-impulse-sdk/dsp/image/eit_picture.h"

eit_crop eit_fit_shortest(
    const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t target_width, uint32_t target_height)
{
    eit_crop crop = {pixels, width, 0u, 0u, width, height};
    if ((uint64_t)width * target_height > (uint64_t)height * target_width) {
        crop.width = (uint32_t)((uint64_t)height * target_width / target_height);
    } else {
        crop.height = (uint32_t)((uint64_t)width * target_height / target_width);
    }
    crop.width += crop.width == 0u;
    crop.height += crop.height == 0u;
    crop.x = (width - crop.width) / 2u;
    crop.y = (height - crop.height) / 2u;
    return crop;
}

/* The length that [i, i + 1) of n equal parts of a line shares with [k, k + 1) of m, in 1 / (n * m) of the line. */
static uint32_t shared(uint32_t i, uint32_t n, uint32_t k, uint32_t m)
{
    const uint32_t from = i * m > k * n ? i * m : k * n;
    const uint32_t to = (i + 1u) * m < (k + 1u) * n ? (i + 1u) * m : (k + 1u) * n;
    return to > from ? to - from : 0u;
}

void eit_resize(const eit_crop *source, uint8_t *target, uint32_t width, uint32_t height, uint32_t channels)
{
    const uint32_t area = source->width * source->height; /* of one target pixel, in the units of `shared` squared */
    for (uint32_t y = 0; y < height; y++) {
        const uint32_t top = y * source->height / height;
        const uint32_t bottom = ((y + 1u) * source->height - 1u) / height;
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t left = x * source->width / width;
            const uint32_t right = ((x + 1u) * source->width - 1u) / width;
            for (uint32_t c = 0; c < channels; c++) {
                uint32_t sum = area / 2u;
                for (uint32_t v = top; v <= bottom; v++) {
                    const uint8_t *row = source->pixels + (size_t)(source->y + v) * source->stride * channels;
                    uint32_t line = 0u;
                    for (uint32_t u = left; u <= right; u++) {
                        line += shared(x, width, u, source->width) * row[(source->x + u) * channels + c];
                    }
                    sum += shared(y, height, v, source->height) * line;
                }
                *target++ = (uint8_t)(sum / area);
            }
        }
    }
}
