/*
 * What run_classifier fills in. Members and their order are those of the Edge Impulse C++ library's documented
 * interface, so that `ei_impulse_result_t result = { 0 };` and `{ nullptr }` mean the same.
 */
#ifndef EI_CLASSIFIER_TYPES_H
#define EI_CLASSIFIER_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "model-parameters/model_metadata.h"

/* One label and its score, 0 to 1 for a model that ends in a softmax; of a regression, "value" and the number. */
typedef struct {
    const char *label;
    float value;
} ei_impulse_result_classification_t;

/* One found object, in pixels of the picture. A classifier finds none. */
typedef struct {
    const char *label;
    uint32_t x;
    uint32_t y;
    uint32_t width;
    uint32_t height;
    float value;
} ei_impulse_result_bounding_box_t;

/* `dsp` is what reading and quantising the signal took, `classification` the inference; ms, and the same in us. */
typedef struct {
    int sampling;
    int dsp;
    int classification;
    int anomaly;
    int64_t dsp_us;
    int64_t classification_us;
    int64_t anomaly_us;
} ei_impulse_result_timing_t;

/* What sketches hand to ei_print_results and the like: the one model of this library. */
typedef struct {
    uint32_t project_id;
    const char *project_name;
    uint32_t deploy_version;
    uint32_t nn_input_frame_size;
    uint32_t raw_sample_count;
    uint32_t raw_samples_per_frame;
    uint32_t dsp_input_frame_size;
    uint32_t input_width;
    uint32_t input_height;
    uint32_t input_frames;
    float interval_ms;
    float frequency;
    int sensor;
    const char *fusion_string;
    uint16_t label_count;
    const char *const *categories;
} ei_impulse_t;

/* The same under the name of newer libraries, with the member that they reach it by. */
typedef struct {
    const ei_impulse_t *impulse;
} ei_impulse_handle_t;

typedef struct {
    ei_impulse_result_bounding_box_t *bounding_boxes; /* null for a classifier; valid until the next run */
    uint32_t bounding_boxes_count;
    ei_impulse_result_classification_t classification[EI_CLASSIFIER_LABEL_COUNT];
    float anomaly; /* 0 */
    ei_impulse_result_timing_t timing;
} ei_impulse_result_t;

/* A moving average over half a window's slices, which audio examples keep for each label. */
typedef struct {
    float running_sum;
    float maf_buffer[EI_CLASSIFIER_SLICES_PER_MODEL_WINDOW >> 1];
    size_t buf_idx;
} ei_impulse_maf;

#endif
