#include "edge-impulse-sdk/dsp/image/eit_image.h"

eit_crop eit_fit_shortest(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t target_width,
                          uint32_t target_height)
{
    eit_crop crop = {pixels, width, 0u, 0u, width, height, 0};
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

/* One channel of a pixel; of five or six bits the low ones repeat the high ones, so white is 255. */
static uint32_t sample(const eit_crop *source, uint32_t x, uint32_t y, uint32_t channel, uint32_t channels)
{
    const size_t at = (size_t)(source->y + y) * source->stride + source->x + x;
    if (source->rgb565 == 0) {
        return source->pixels[at * channels + channel];
    }
    const uint32_t value = (uint32_t)source->pixels[2u * at] << 8 | source->pixels[2u * at + 1u];
    if (channel == 1u) {
        return (value >> 3 & 0xfcu) | (value >> 9 & 0x03u);
    }
    const uint32_t five = channel == 0u ? value >> 11 : value & 0x1fu;
    return five << 3 | five >> 2;
}

void eit_resize_row(const eit_crop *source, uint32_t y, uint8_t *target, uint32_t width, uint32_t height,
                    uint32_t channels)
{
    const uint32_t area = source->width * source->height; /* of one target pixel, in the units of `shared` squared */
    const uint32_t top = y * source->height / height;
    const uint32_t bottom = ((y + 1u) * source->height - 1u) / height;
    for (uint32_t x = 0; x < width; x++) {
        const uint32_t left = x * source->width / width;
        const uint32_t right = ((x + 1u) * source->width - 1u) / width;
        for (uint32_t c = 0; c < channels; c++) {
            uint32_t sum = area / 2u;
            for (uint32_t v = top; v <= bottom; v++) {
                uint32_t line = 0u;
                for (uint32_t u = left; u <= right; u++) {
                    line += shared(x, width, u, source->width) * sample(source, u, v, c, channels);
                }
                sum += shared(y, height, v, source->height) * line;
            }
            *target++ = (uint8_t)(sum / area);
        }
    }
}

void eit_resize(const eit_crop *source, uint8_t *target, uint32_t width, uint32_t height, uint32_t channels)
{
    for (uint32_t y = 0; y < height; y++) {
        eit_resize_row(source, y, target, width, height, channels);
        target += width * channels;
    }
}
