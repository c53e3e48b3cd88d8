#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

#include <string.h>

#include "model-parameters/model_variables.h"

#define CHUNK 64u /* values that are read at once, on the stack */

/* ---- The arena ---- */

#if defined(EI_CLASSIFIER_ALLOCATION_HEAP)

static uint32_t *arena;

static bool take_arena(void)
{
    if (arena == NULL) {
        arena = ei_malloc(EI_MODEL_ARENA_BYTES);
    }
    return arena != NULL;
}

void run_classifier_deinit(void)
{
    ei_free(arena);
    arena = NULL;
}

#else

static uint32_t arena[(EI_MODEL_ARENA_BYTES + 3u) / 4u];

static bool take_arena(void)
{
    return true;
}

void run_classifier_deinit(void)
{
}

#endif

void run_classifier_init(void)
{
    (void)take_arena(); /* a run without an arena says so */
}

/* ---- The signal ---- */

#if !(EI_MODEL_IS_PICTURE && EI_MODEL_INPUT_IS_PIXEL)
/* The nearest quantised value, halves away from zero, as the reference quantises. */
static int quantize(float value)
{
    const float steps = value / EI_MODEL_INPUT_SCALE;
    if (!(steps > -1000.0f && steps < 1000.0f)) {
        return steps < 0.0f ? EI_MODEL_INPUT_MIN : EI_MODEL_INPUT_MAX;
    }
    int whole = (int)steps;
    const float rest = steps - (float)whole;
    whole += rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0;
    whole += EI_MODEL_INPUT_ZERO_POINT;
    return whole < EI_MODEL_INPUT_MIN ? EI_MODEL_INPUT_MIN : whole > EI_MODEL_INPUT_MAX ? EI_MODEL_INPUT_MAX : whole;
}
#endif

#if EI_MODEL_IS_PICTURE

/* One channel's byte as the input tensor holds k / 255; exactly k + zero point where the scale is 1 / 255. */
static ei_model_byte input_byte(uint32_t k)
{
#if EI_MODEL_INPUT_IS_PIXEL
    return (ei_model_byte)((int)k + EI_MODEL_INPUT_MIN);
#else
    return (ei_model_byte)quantize((float)k / 255.0f);
#endif
}

/* Writes one pixel; false where the value is not 0 to 0xFFFFFF. */
static bool put(float value, ei_model_byte **input)
{
    if (!(value >= 0.0f && value <= 16777215.0f)) {
        return false;
    }
    const uint32_t rgb = (uint32_t)value;
    const uint32_t red = rgb >> 16, green = rgb >> 8 & 0xffu, blue = rgb & 0xffu;
#if EI_CLASSIFIER_INPUT_CHANNELS == 1
    /* 0.299 R + 0.587 G + 0.114 B in 1/65536, rounded: the weights add up to 65536, so gray stays what it is */
    *(*input)++ = input_byte((19595u * red + 38470u * green + 7471u * blue + 32768u) >> 16);
#else
    *(*input)++ = input_byte(red);
    *(*input)++ = input_byte(green);
    *(*input)++ = input_byte(blue);
#endif
    return true;
}

#else

/* Writes one value; false where it is not a number. */
static bool put(float value, ei_model_byte **input)
{
    *(*input)++ = (ei_model_byte)quantize(value);
    return value == value;
}

#endif

static EI_IMPULSE_ERROR read_signal(ei_signal_reader read, void *context)
{
    float values[CHUNK];
    ei_model_byte *input = ei_model_input(arena);
    for (size_t offset = 0; offset < EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE; offset += CHUNK) {
        const size_t rest = EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE - offset;
        const size_t count = rest < CHUNK ? rest : CHUNK;
        if (read(context, offset, count, values) != 0) {
            return EI_IMPULSE_DSP_ERROR;
        }
        for (size_t i = 0; i < count; i++) {
            if (!put(values[i], &input)) {
                return EI_IMPULSE_DSP_ERROR;
            }
        }
    }
    return EI_IMPULSE_OK;
}

/* ---- The result ---- */

const int8_t *ei_classifier_output(void)
{
    return (const int8_t *)ei_model_output(arena);
}

static void fill_result(ei_impulse_result_t *result, bool debug)
{
    const ei_model_output_byte *output = ei_model_output(arena);
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        result->classification[i].value = (float)(output[i] - EI_MODEL_OUTPUT_ZERO_POINT) * EI_MODEL_OUTPUT_SCALE;
        if (debug) {
            ei_printf("%s: ", result->classification[i].label);
            ei_printf_float(result->classification[i].value);
            ei_printf("\n");
        }
    }
}

EI_IMPULSE_ERROR ei_classify_signal(
    ei_signal_reader read, void *context, size_t total_length, ei_impulse_result_t *result, bool debug)
{
    if (read == NULL || result == NULL) {
        return EI_IMPULSE_INPUT_TENSOR_WAS_NULL;
    }
    memset(result, 0, sizeof *result);
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        result->classification[i].label = ei_classifier_inferencing_categories[i];
    }
    if (total_length != EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE) {
        return EI_IMPULSE_ERROR_SHAPES_DONT_MATCH;
    }
    if (!take_arena()) {
        return EI_IMPULSE_TFLITE_ARENA_ALLOC_FAILED;
    }
    if (ei_run_impulse_check_canceled() != EI_IMPULSE_OK) {
        return EI_IMPULSE_CANCELED;
    }
    const uint64_t start = ei_read_timer_us();
    const EI_IMPULSE_ERROR error = read_signal(read, context);
    if (error != EI_IMPULSE_OK) {
        return error;
    }
    if (ei_run_impulse_check_canceled() != EI_IMPULSE_OK) {
        return EI_IMPULSE_CANCELED;
    }
    const uint64_t ready = ei_read_timer_us();
    if (ei_model_invoke(arena, EI_MODEL_ARENA_BYTES) != EIT_OK) {
        return EI_IMPULSE_INFERENCE_ERROR;
    }
    result->timing.dsp_us = (int64_t)(ready - start);
    result->timing.classification_us = (int64_t)(ei_read_timer_us() - ready);
    result->timing.dsp = (int)(result->timing.dsp_us / 1000);
    result->timing.classification = (int)(result->timing.classification_us / 1000);
    fill_result(result, debug);
    return EI_IMPULSE_OK;
}

static int read_signal_t(void *context, size_t offset, size_t length, float *out)
{
    return ((signal_t *)context)->get_data(offset, length, out);
}

EI_IMPULSE_ERROR run_classifier(signal_t *signal, ei_impulse_result_t *result, bool debug)
{
    if (signal == NULL || signal->get_data == NULL) {
        return EI_IMPULSE_INPUT_TENSOR_WAS_NULL;
    }
    return ei_classify_signal(read_signal_t, signal, signal->total_length, result, debug);
}
