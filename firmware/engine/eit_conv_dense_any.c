#include "eit_conv_dense.h"

EIT_TILES_OF(eit_conv_dense_any, tile, job->step)
