/*
 * Classifies the built-in picture and prints scores and timing: every two seconds on a board, once elsewhere.
 *
 * To classify your own pictures write a get_data that fills `out` with one 0xRRGGBB per pixel, from `offset` on.
 */
#include <stdint.h>

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
#include "self-test/ei_self_test.h"

#ifdef ESP_PLATFORM
#include "sdkconfig.h"
#endif

static int classify(void)
{
    signal_t signal = {ei_golden_get_data, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE};
    ei_impulse_result_t result;

    const EI_IMPULSE_ERROR error = run_classifier(&signal, &result, false);
    if (error != EI_IMPULSE_OK) {
        ei_printf("run_classifier failed (%d)\n", error);
        return 1;
    }
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        ei_printf("%s: ", ei_classifier_inferencing_categories[i]);
        ei_printf_float(result.classification[i].value);
        ei_printf(" (%d)\n", ei_classifier_output()[i]);
    }
    ei_printf("reading the picture %ld us, inference %ld us\n",
              (long)result.timing.dsp_us, (long)result.timing.classification_us);
    return 0;
}

static int boot(void)
{
#ifdef CONFIG_EI_SELF_TEST_AT_BOOT
    if (ei_self_test() != EI_IMPULSE_OK) {
        return 1;
    }
#endif
    return classify();
}

#ifdef ESP_PLATFORM
void app_main(void)
{
    if (boot() != 0) {
        return;
    }
    for (;;) {
        ei_sleep(2000);
        classify();
    }
}
#else
int main(void)
{
    return boot();
}
#endif
