#include "eit_conv_sparse.h"

EIT_TILES_OF(eit_conv_sparse_any, tile, job->step)
