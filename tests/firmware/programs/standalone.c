/* What the standalone C example does: headers by their bare names, run_classifier declared by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "numpy_types.h"
#include "ei_classifier_porting.h"
#include "ei_classifier_types.h"

static float raw[EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE];

int get_feature_data(size_t offset, size_t length, float *out)
{
    memcpy(out, raw + offset, length * sizeof(float));
    return 0;
}

EI_IMPULSE_ERROR run_classifier(signal_t *, ei_impulse_result_t *, bool);
int signal_from_buffer(float *data, size_t data_size, signal_t *signal);

int main(int argc, char **argv)
{
    char *at = argv[argc - 1];
    for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
        raw[i] = strtof(at + (*at == ','), &at);
    }
    signal_t signal;
    signal.total_length = sizeof raw / sizeof raw[0];
    signal.get_data = &get_feature_data;
    ei_impulse_result_t result;
    const EI_IMPULSE_ERROR error = run_classifier(&signal, &result, true);
    printf("status %d\nscores", error);
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        printf(" %.5f", result.classification[i].value);
    }
    printf("\n");
    return 0;
}
