/* What plain C examples do: numpy_types.h brings signal_t, the status codes and string.h. */
#include "edge-impulse-sdk/dsp/numpy_types.h"
#include "edge-impulse-sdk/classifier/ei_classifier_smooth.h"

int run_classifier(signal_t *, ei_impulse_result_t *, bool); /* examples declare it so */

static ei_impulse_maf filters[EI_CLASSIFIER_LABEL_COUNT] = {{0}};
static float features[EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE];

static int get_data(size_t offset, size_t length, float *out)
{
    memcpy(out, features + offset, length * sizeof(float));
    return EIDSP_OK;
}

int main(void)
{
    ei_impulse_result_t result = {0};
    signal_t signal;
    ei_classifier_smooth_t smooth;
    signal.total_length = EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE;
    signal.get_data = get_data;
    ei_classifier_smooth_init(&smooth, 4, 3, 0.0f, 0.3f);
    for (int i = 0; i < 3; i++) {
        if (run_classifier(&signal, &result, false) != EI_IMPULSE_OK) {
            return 1;
        }
        const char *steady = ei_classifier_smooth_update(&smooth, &result);
        if ((strcmp(steady, "uncertain") == 0) != (i < 2)) {
            return 2;
        }
    }
    ei_print_results(&ei_default_impulse, &result);
    ei_classifier_smooth_free(&smooth);
    if (filters[0].buf_idx != 0u) {
        return 3;
    }
    return EI_CLASSIFIER_FREEFORM_OUTPUT || EI_CLASSIFIER_OBJECT_TRACKING_ENABLED || EI_STUDIO_VERSION_MAJOR < 1;
}
