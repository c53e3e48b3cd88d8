/* Prints a result through ei_printf, as Edge Impulse's examples do. */
#ifndef EI_PRINT_RESULTS_H
#define EI_PRINT_RESULTS_H

#include "edge-impulse-sdk/classifier/ei_classifier_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Timing, then every label with its score, or every object that was found. */
void ei_print_results(ei_impulse_handle_t *impulse_handle, ei_impulse_result_t *result);

#ifdef __cplusplus
}
#endif

#endif
