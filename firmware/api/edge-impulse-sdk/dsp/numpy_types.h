/* What plain C examples include for signal_t and the status codes. */
#ifndef EI_NUMPY_TYPES_H
#define EI_NUMPY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

#endif
