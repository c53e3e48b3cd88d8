/* Reads floats from stdin, classifies them, writes error code and output bytes. */
#include <stdio.h>
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
static float values[EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE];
static int get_data(size_t offset, size_t length, float *out)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = values[offset + i];
    }
    return 0;
}
int main(void)
{
    ei_impulse_result_t result;
    while (fread(values, sizeof values, 1, stdin) == 1) {
        signal_t signal;
        signal.total_length = EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE;
        signal.get_data = get_data;
        signed char error = (signed char)run_classifier(&signal, &result, false);
        fwrite(&error, 1, 1, stdout);
        fwrite(ei_classifier_output(), 1, EI_CLASSIFIER_NN_OUTPUT_COUNT, stdout);
    }
    return 0;
}
