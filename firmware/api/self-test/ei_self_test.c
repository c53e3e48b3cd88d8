#include "self-test/ei_self_test.h"

#include "self-test/ei_golden.h"

int ei_golden_get_data(size_t offset, size_t length, float *out)
{
    if (length > EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE || offset > EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE - length) {
        return EIDSP_PARAMETER_INVALID;
    }
    for (size_t i = 0; i < length; i++) {
#if EI_GOLDEN_IS_PICTURE
        const uint8_t *pixel = &ei_golden_input[(offset + i) * EI_GOLDEN_CHANNELS];
        const uint32_t red = pixel[0], green = pixel[EI_GOLDEN_CHANNELS / 2], blue = pixel[EI_GOLDEN_CHANNELS - 1];
        out[i] = (float)(red << 16 | green << 8 | blue);
#else
        out[i] = ei_golden_input[offset + i];
#endif
    }
    return EIDSP_OK;
}

static int read_golden(void *context, size_t offset, size_t length, float *out)
{
    (void)context;
    return ei_golden_get_data(offset, length, out);
}

EI_IMPULSE_ERROR ei_self_test(void)
{
    ei_impulse_result_t result;
    EI_IMPULSE_ERROR error = ei_classify_signal(read_golden, NULL, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE, &result, false);
    for (size_t i = 0; error == EI_IMPULSE_OK && i < EI_CLASSIFIER_NN_OUTPUT_COUNT; i++) {
        const int given = ei_classifier_output()[i];
        if (given != ei_golden_output[i]) {
            ei_printf("self-test: output %u is %d, not %d\n", (unsigned)i, given, ei_golden_output[i]);
            error = EI_IMPULSE_INFERENCE_ERROR;
        }
    }
    if (error == EI_IMPULSE_OK) {
        ei_printf("self-test: passed\n");
    } else {
        ei_printf("self-test: failed (%d)\n", (int)error);
    }
    return error;
}
