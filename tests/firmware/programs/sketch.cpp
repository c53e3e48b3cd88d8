/* What people write: std::function with a capture, both names of signal_t, aggregate initialisers, own ei_printf. */
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
#include "edge-impulse-sdk/dsp/image/image.hpp"
#include "edge-impulse-sdk/dsp/numpy.hpp"

#if !defined(EI_CLASSIFIER_SENSOR) || EI_CLASSIFIER_SENSOR != EI_CLASSIFIER_SENSOR_CAMERA
#error "Invalid model for current sensor"
#endif

static float features[EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE];
static bool stop = false;
static int printed = 0;

void ei_printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printed += vprintf(format, arguments);
    va_end(arguments);
}

EI_IMPULSE_ERROR ei_run_impulse_check_canceled()
{
    return stop ? EI_IMPULSE_CANCELED : EI_IMPULSE_OK;
}

static int raw_feature_get_data(size_t offset, size_t length, float *out_ptr)
{
    memcpy(out_ptr, features + offset, length * sizeof(float));
    return 0;
}

void print_inference_result(ei_impulse_result_t result)
{
    ei_printf("Timing: DSP %d ms, inference %d ms, anomaly %d ms\r\n", result.timing.dsp, result.timing.classification,
              result.timing.anomaly);
#if EI_CLASSIFIER_OBJECT_DETECTION == 1
    for (uint32_t i = 0; i < result.bounding_boxes_count; i++) {
        ei_impulse_result_bounding_box_t bb = result.bounding_boxes[i];
        ei_printf("%s %u\r\n", bb.label, bb.x);
    }
#else
    for (uint16_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        ei_printf("  %s: ", ei_classifier_inferencing_categories[i]);
        ei_printf("%.5f\r\n", result.classification[i].value);
    }
#endif
#if EI_CLASSIFIER_HAS_ANOMALY == 1
    ei_printf("Anomaly prediction: %.3f\r\n", result.anomaly);
#endif
}

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("failed: %s\n", #condition);                                                                        \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

int main()
{
    ei_impulse_result_t result = {nullptr};
    ei_impulse_result_t zeroed = {0};
    std::vector<uint8_t> frame(40 * 30 * 3, 200);
    CHECK(ei::image::processing::crop_and_interpolate_rgb888(
              frame.data(), 40, 30, frame.data(), EI_CLASSIFIER_INPUT_WIDTH, EI_CLASSIFIER_INPUT_HEIGHT) == 0);
    for (size_t i = 0; i < EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE; i++) {
        features[i] = (frame[3 * i] << 16) + (frame[3 * i + 1] << 8) + frame[3 * i + 2];
        CHECK(features[i] == 0xc8c8c8);
    }

    signal_t features_signal;
    features_signal.total_length = sizeof(features) / sizeof(features[0]);
    features_signal.get_data = &raw_feature_get_data;
    run_classifier_init();
    EI_IMPULSE_ERROR res = run_classifier(&features_signal, &result, false);
    CHECK(res == EI_IMPULSE_OK);
    print_inference_result(result);
    CHECK(printed > 0);

#if !defined(EIDSP_SIGNAL_C_FN_POINTER)
    ei::signal_t signal;
    int calls = 0;
    signal.total_length = EI_CLASSIFIER_INPUT_WIDTH * EI_CLASSIFIER_INPUT_HEIGHT;
    signal.get_data = [&calls](size_t offset, size_t length, float *out) {
        calls++;
        return raw_feature_get_data(offset, length, out);
    };
    CHECK(run_classifier(&signal, &zeroed) == EI_IMPULSE_OK);
    CHECK(calls > 0);
    CHECK(zeroed.classification[1].value == result.classification[1].value);
    CHECK(numpy::signal_from_buffer(features, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE, &signal) == 0);
    CHECK(run_classifier(&signal, &zeroed, true) == EI_IMPULSE_OK);
    CHECK(strcmp(zeroed.classification[0].label, "class 0") == 0);
    signal.get_data = nullptr;
    CHECK(run_classifier(&signal, &zeroed) == EI_IMPULSE_INPUT_TENSOR_WAS_NULL);
#else
    (void)zeroed;
#endif

    stop = true;
    CHECK(run_classifier(&features_signal, &result, false) == EI_IMPULSE_CANCELED);
    stop = false;
    features_signal.total_length--;
    CHECK(run_classifier(&features_signal, &result, false) == EI_IMPULSE_ERROR_SHAPES_DONT_MATCH);
    CHECK(run_classifier(nullptr, &result, false) == EI_IMPULSE_INPUT_TENSOR_WAS_NULL);
    features_signal.total_length++;
    features_signal.get_data = [](size_t, size_t, float *) { return -1; };
    CHECK(run_classifier(&features_signal, &result, false) == EI_IMPULSE_DSP_ERROR);
    run_classifier_deinit();
    return 0;
}
