/*
 * run_classifier: the interface that applications written for an Edge Impulse C++ library call, on ei-train's engine.
 *
 * The signal of an image model is one float per pixel, row by row, that holds 0xRRGGBB; a model with one channel takes
 * the pixel's luma. The signal of any other model is its input tensor in real values, one float each.
 *
 * In C++ `signal_t::get_data` is a std::function, or a plain function where EIDSP_SIGNAL_C_FN_POINTER is 1; in C it is
 * a plain function. The library itself is C and the same for all.
 *
 * The signal is read row by row while the model runs, each value once and in order; values that no result depends on
 * are not asked for. So nothing holds the whole picture, and the arena has no room for it.
 *
 * The arena (EI_CLASSIFIER_TFLITE_LARGEST_ARENA_SIZE bytes) is static, or where EI_CLASSIFIER_ALLOCATION_HEAP is
 * defined taken by ei_malloc when first needed and kept until run_classifier_deinit. There is one, so only one task may
 * classify at a time.
 */
#ifndef EI_RUN_CLASSIFIER_H
#define EI_RUN_CLASSIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge-impulse-sdk/classifier/ei_classifier_types.h"
#include "edge-impulse-sdk/classifier/ei_model_types.h"
#include "edge-impulse-sdk/dsp/returntypes.h"
#include "edge-impulse-sdk/porting/ei_classifier_porting.h"
#include "model-parameters/model_metadata.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The labels, in the order of result->classification. */
extern const char *const ei_classifier_inferencing_categories[EI_CLASSIFIER_LABEL_COUNT];

/* What this library holds; `ei_default_impulse` is how sketches name it. */
extern const ei_impulse_t ei_only_impulse;
extern ei_impulse_handle_t ei_default_impulse;

/* Reads `length` values from `offset` on into `out`; 0 where that went well. */
typedef int (*ei_signal_reader)(void *context, size_t offset, size_t length, float *out);

/* What run_classifier does, for any kind of signal. */
EI_IMPULSE_ERROR ei_classify_signal(ei_signal_reader read, void *context, size_t total_length,
                                    ei_impulse_result_t *result, bool debug);

/* The output tensor's bytes of the last run that ended well, EI_CLASSIFIER_NN_OUTPUT_COUNT of them; uint8_t where
 * EI_CLASSIFIER_TFLITE_OUTPUT_DATATYPE says so. */
const int8_t *ei_classifier_output(void);

/* Takes the arena now and not at the first run; needed by no one, and harmless. */
void run_classifier_init(void);

/* Gives the arena back. */
void run_classifier_deinit(void);

#ifdef __cplusplus
}

#include <string> // sketches use these without including them
#include <vector>

#if defined(EIDSP_SIGNAL_C_FN_POINTER) && EIDSP_SIGNAL_C_FN_POINTER == 1
namespace ei
{
typedef struct ei_signal_t {
    int (*get_data)(size_t offset, size_t length, float *out_ptr);
    size_t total_length;
} signal_t;
} // namespace ei
#else
#include <functional>
namespace ei
{
typedef struct ei_signal_t {
    std::function<int(size_t offset, size_t length, float *out_ptr)> get_data;
    size_t total_length;
} signal_t;
} // namespace ei
#endif

using namespace ei; // sketches say signal_t as well as ei::signal_t

inline int ei_read_signal(void *context, size_t offset, size_t length, float *out)
{
    return static_cast<ei::signal_t *>(context)->get_data(offset, length, out);
}

/* Classifies one signal: EI_IMPULSE_OK, or what went wrong; `debug` prints the scores through ei_printf. */
inline EI_IMPULSE_ERROR run_classifier(ei::signal_t *signal, ei_impulse_result_t *result, bool debug = false)
{
    if (signal == nullptr || !signal->get_data) {
        return EI_IMPULSE_INPUT_TENSOR_WAS_NULL;
    }
    return ei_classify_signal(ei_read_signal, signal, signal->total_length, result, debug);
}

/* The same for sketches that name the model. */
inline EI_IMPULSE_ERROR run_classifier(ei_impulse_handle_t *, ei::signal_t *signal, ei_impulse_result_t *result,
                                       bool debug = false)
{
    return run_classifier(signal, result, debug);
}

#include "edge-impulse-sdk/dsp/numpy.hpp"

#else /* C */

typedef struct ei_signal_t {
    int (*get_data)(size_t offset, size_t length, float *out_ptr);
    size_t total_length;
} signal_t;

/* Classifies one signal: EI_IMPULSE_OK, or what went wrong; `debug` prints the scores through ei_printf. */
EI_IMPULSE_ERROR run_classifier(signal_t *signal, ei_impulse_result_t *result, bool debug);

#endif

#include "edge-impulse-sdk/classifier/ei_print_results.h"

#endif
