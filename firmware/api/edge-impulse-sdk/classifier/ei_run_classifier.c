#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

#include <string.h>

#include "edge-impulse-sdk/classifier/ei_boxes.h"
#include "edge-impulse-sdk/classifier/ei_print_results.h"
#include "model-parameters/model_variables.h"

#define CHUNK 64u /* values that are read at once, on the stack */
#define ROW_VALUES (EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE / EI_MODEL_INPUT_ROWS)

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

#if !EI_MODEL_IS_IMAGE
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

/* As the compiled model reads it: from 0 up. */
static uint8_t stored(ei_model_byte byte)
{
    return (uint8_t)((int)byte - EI_MODEL_INPUT_MIN);
}

#if EI_MODEL_IS_IMAGE

/* A pixel's byte of one of the model's channels as the input tensor holds it. */
static ei_model_byte input_byte(uint32_t channel, uint32_t k)
{
#if EI_MODEL_INPUT_IS_PIXEL
    (void)channel;
    return (ei_model_byte)((int)k + EI_MODEL_INPUT_MIN);
#else
    return ei_model_pixels[channel % EI_MODEL_PIXEL_TABLES][k];
#endif
}

/* Writes one pixel; false where the value is not 0 to 0xFFFFFF. */
static bool put(float value, uint8_t **input)
{
    if (!(value >= 0.0f && value <= 16777215.0f)) {
        return false;
    }
    const uint32_t rgb = (uint32_t)value;
    const uint32_t red = rgb >> 16, green = rgb >> 8 & 0xffu, blue = rgb & 0xffu;
#if EI_CLASSIFIER_INPUT_CHANNELS == 1
    /* 0.299 R + 0.587 G + 0.114 B in 1/65536, rounded: the weights add up to 65536, so gray stays what it is */
    *(*input)++ = stored(input_byte(0u, (19595u * red + 38470u * green + 7471u * blue + 32768u) >> 16));
#else
    *(*input)++ = stored(input_byte(0u, EI_MODEL_INPUT_IS_BGR ? blue : red));
    *(*input)++ = stored(input_byte(1u, green));
    *(*input)++ = stored(input_byte(2u, EI_MODEL_INPUT_IS_BGR ? red : blue));
#endif
    return true;
}

#else

/* Writes one value; false where it is not a number. */
static bool put(float value, uint8_t **input)
{
    *(*input)++ = stored((ei_model_byte)quantize(value));
    return value == value;
}

#endif

/* The signal while it is read, row by row of the input. */
typedef struct {
    ei_signal_reader read;
    void *context;
    uint64_t us; /* that reading took */
} row_source;

static int read_row(void *context, uint32_t y, uint8_t *row)
{
    row_source *source = context;
    const uint64_t start = ei_read_timer_us();
    float values[CHUNK];
    for (size_t done = 0; done < ROW_VALUES; done += CHUNK) {
        const size_t rest = ROW_VALUES - done;
        const size_t count = rest < CHUNK ? rest : CHUNK;
        if (source->read(source->context, y * ROW_VALUES + done, count, values) != 0) {
            return 1;
        }
        for (size_t i = 0; i < count; i++) {
            if (!put(values[i], &row)) {
                return 1;
            }
        }
    }
    source->us += ei_read_timer_us() - start;
    return 0;
}

/* ---- The result ---- */

const int8_t *ei_classifier_output(void)
{
    return (const int8_t *)ei_model_output(arena);
}

static float score(ei_model_output_byte byte)
{
    return (float)(byte - EI_MODEL_OUTPUT_ZERO_POINT) * EI_MODEL_OUTPUT_SCALE;
}

#if EI_CLASSIFIER_OBJECT_DETECTION

/* Each cell has a byte for the background, then one for each label. A label's score is its highest of all cells. */
static void fill_result(ei_impulse_result_t *result, bool debug)
{
    static ei_impulse_result_bounding_box_t
        boxes[EI_CLASSIFIER_LABEL_COUNT * ((EI_MODEL_ROWS + 1) / 2) * ((EI_MODEL_COLUMNS + 1) / 2)];
    const ei_model_output_byte *output = ei_model_output(arena);
    uint32_t count = 0;
    for (uint32_t y = 0; y < EI_MODEL_ROWS; y++) {
        for (uint32_t x = 0; x < EI_MODEL_COLUMNS; x++) {
            output++;
            for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
                const float value = score(*output++);
                if (value > result->classification[i].value) {
                    result->classification[i].value = value;
                }
                if (value >= EI_CLASSIFIER_OBJECT_DETECTION_THRESHOLD) {
                    ei_boxes_add(boxes, &count, result->classification[i].label, value, x, y);
                }
            }
        }
    }
    ei_boxes_finish(boxes, &count, EI_CLASSIFIER_INPUT_WIDTH / EI_MODEL_COLUMNS,
                    EI_CLASSIFIER_INPUT_HEIGHT / EI_MODEL_ROWS);
    result->bounding_boxes = boxes;
    result->bounding_boxes_count = count;
    if (debug) {
        ei_print_results(&ei_default_impulse, result);
    }
}

#else

static void fill_result(ei_impulse_result_t *result, bool debug)
{
    const ei_model_output_byte *output = ei_model_output(arena);
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        result->classification[i].value = score(output[i]);
        if (debug) {
            ei_printf("%s: ", result->classification[i].label);
            ei_printf_float(result->classification[i].value);
            ei_printf("\n");
        }
    }
}

#endif

EI_IMPULSE_ERROR ei_classify_signal(ei_signal_reader read, void *context, size_t total_length,
                                    ei_impulse_result_t *result, bool debug)
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
    row_source source = {read, context, 0};
    const uint64_t start = ei_read_timer_us();
    const eit_status status = ei_model_invoke_rows(arena, EI_MODEL_ARENA_BYTES, read_row, &source);
    if (status != EIT_OK) {
        return status == EIT_ERROR_INPUT ? EI_IMPULSE_DSP_ERROR : EI_IMPULSE_INFERENCE_ERROR;
    }
    result->timing.dsp_us = (int64_t)source.us;
    result->timing.classification_us = (int64_t)(ei_read_timer_us() - start - source.us);
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
