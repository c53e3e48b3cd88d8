/* Crop and resize, under the names that Edge Impulse's camera examples use. */
#ifndef EI_IMAGE_HPP
#define EI_IMAGE_HPP

#include "edge-impulse-sdk/dsp/image/eit_image.h"
#include "edge-impulse-sdk/dsp/returntypes.h"

#include <cstring>

namespace ei
{
namespace image
{
namespace processing
{

/* Squashes a picture to another size; dstImage may be srcImage where neither side grows. */
inline int resize_image(const uint8_t *srcImage, int srcWidth, int srcHeight, uint8_t *dstImage, int dstWidth,
                        int dstHeight, int pixel_size_B)
{
    if (srcWidth < 1 || srcHeight < 1 || dstWidth < 1 || dstHeight < 1 || pixel_size_B < 1) {
        return EIDSP_PARAMETER_INVALID;
    }
    const eit_crop all = {srcImage, uint32_t(srcWidth), 0, 0, uint32_t(srcWidth), uint32_t(srcHeight), 0};
    eit_resize(&all, dstImage, uint32_t(dstWidth), uint32_t(dstHeight), uint32_t(pixel_size_B));
    return EIDSP_OK;
}

/* Cuts the middle out in the target's shape and resizes that; dstImage may be srcImage where neither side grows. */
inline int crop_and_interpolate_image(const uint8_t *srcImage, int srcWidth, int srcHeight, uint8_t *dstImage,
                                      int dstWidth, int dstHeight, int pixel_size_B)
{
    if (srcWidth < 1 || srcHeight < 1 || dstWidth < 1 || dstHeight < 1 || pixel_size_B < 1) {
        return EIDSP_PARAMETER_INVALID;
    }
    const eit_crop crop =
        eit_fit_shortest(srcImage, uint32_t(srcWidth), uint32_t(srcHeight), uint32_t(dstWidth), uint32_t(dstHeight));
    eit_resize(&crop, dstImage, uint32_t(dstWidth), uint32_t(dstHeight), uint32_t(pixel_size_B));
    return EIDSP_OK;
}

inline int crop_and_interpolate_rgb888(const uint8_t *srcImage, int srcWidth, int srcHeight, uint8_t *dstImage,
                                       int dstWidth, int dstHeight)
{
    return crop_and_interpolate_image(srcImage, srcWidth, srcHeight, dstImage, dstWidth, dstHeight, 3);
}

/* The size that crop_and_interpolate_image cuts out. */
inline void calculate_crop_dims(uint32_t srcWidth, uint32_t srcHeight, uint32_t dstWidth, uint32_t dstHeight,
                                uint32_t &cropWidth, uint32_t &cropHeight)
{
    const eit_crop crop = eit_fit_shortest(nullptr, srcWidth, srcHeight, dstWidth, dstHeight);
    cropWidth = crop.width;
    cropHeight = crop.height;
}

} // namespace processing
} // namespace image
} // namespace ei

#endif
