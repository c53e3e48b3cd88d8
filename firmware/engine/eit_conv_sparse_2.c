#include "eit_conv_sparse.h"

EIT_TILES_OF(eit_conv_sparse_2, tile, 2u)
