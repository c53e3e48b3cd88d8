/*
 * The golden input: a picture (or feature vector) and the output bytes that TensorFlow Lite's reference kernels
 * computed for it when this library was made. Costs flash only in an application that uses it.
 */
#ifndef EI_SELF_TEST_H
#define EI_SELF_TEST_H

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The golden input as a signal's get_data, of EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE values. */
int ei_golden_get_data(size_t offset, size_t length, float *out);

/* Classifies the golden input, compares every output byte and prints how that went: EI_IMPULSE_OK, or
 * EI_IMPULSE_INFERENCE_ERROR where a byte differs. */
EI_IMPULSE_ERROR ei_self_test(void);

#ifdef __cplusplus
}
#endif

#endif
