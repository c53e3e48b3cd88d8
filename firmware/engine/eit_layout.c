#include "eit_layout.h"

/* [H,W,C] bytes, contiguous, to one row of planes. */
void eit_planes_from_pixels(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_layout *p = stage->params;
    const eit_tensor *output = stage->output;
    const uint32_t channels = output->channels;
    const uint32_t width = output->width;
    const eit_tensor *input = stage->input[0].tensor;
    const uint8_t *in =
        input->height == output->height ? eit_row(input, arena, y) : arena + input->offset + y * width * channels;
    uint8_t *out = eit_row(output, arena, y) + output->pad_left + first * output->plane;
    const uint8_t flip = p->flip;
    for (uint32_t c = first; c < end; c++) {
        const uint8_t *from = in + c;
        for (uint32_t x = 0; x < width; x++) {
            out[x] = (uint8_t)(*from ^ flip);
            from += channels;
        }
        out += output->plane;
    }
}

/* One row of planes to [H,W,C] bytes, contiguous. */
void eit_pixels_from_planes(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_layout *p = stage->params;
    const eit_tensor *input = stage->input[0].tensor;
    const uint32_t channels = input->channels;
    (void)first; /* pixels are of all channels, made by one worker */
    (void)end;
    const uint32_t width = input->width;
    const uint8_t *in = eit_row(input, arena, y) + input->pad_left;
    uint8_t *out = arena + stage->output->offset + y * width * channels;
    const uint8_t flip = p->flip;
    for (uint32_t c = 0; c < channels; c++) {
        uint8_t *to = out + c;
        for (uint32_t x = 0; x < width; x++) {
            *to = (uint8_t)(in[x] ^ flip);
            to += channels;
        }
        in += input->plane;
    }
}
