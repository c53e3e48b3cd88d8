#include "eit_conv_sparse.h"

EIT_TILES_OF(eit_conv_sparse_3, tile, 3u)
