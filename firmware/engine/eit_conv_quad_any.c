#include "eit_conv_quad.h"

void eit_conv_quad_any(const eit_row_job *job, uint32_t x)
{
    tile(1u, job, x, job->step);
}
