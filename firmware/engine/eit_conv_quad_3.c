#include "eit_conv_quad.h"

EIT_QUADS_OF(eit_conv_quad_3, tile, 3u)
