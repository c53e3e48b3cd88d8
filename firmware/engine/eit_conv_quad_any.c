#include "eit_conv_quad.h"

EIT_QUADS_OF(eit_conv_quad_any, tile, job->step)
