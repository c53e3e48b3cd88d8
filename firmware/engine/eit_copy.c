#include "eit_small.h"

#include "eit_copy.h"

void eit_copy(const eit_stage *stage, uint8_t *arena, uint32_t y, uint32_t first, uint32_t end)
{
    const eit_copy_params *p = stage->params;
    const uint8_t *in = arena + stage->input[0].tensor->offset + p->start_in;
    uint8_t *out = arena + stage->output->offset + p->start_out;
    (void)y; /* the output is one row, made by one worker */
    (void)first;
    (void)end;
    for (uint32_t i = 0; i < p->size[0]; i++) {
        for (uint32_t j = 0; j < p->size[1]; j++) {
            for (uint32_t k = 0; k < p->size[2]; k++) {
                int32_t from =
                    (int32_t)i * p->stride_in[0] + (int32_t)j * p->stride_in[1] + (int32_t)k * p->stride_in[2];
                int32_t to =
                    (int32_t)i * p->stride_out[0] + (int32_t)j * p->stride_out[1] + (int32_t)k * p->stride_out[2];
                for (uint32_t l = 0; l < p->size[3]; l++) {
                    out[to] = in[from];
                    from += p->stride_in[3];
                    to += p->stride_out[3];
                }
            }
        }
    }
}
