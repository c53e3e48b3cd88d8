// Classifies the built-in picture every two seconds and prints scores and timing.
#include <@NAME@_inferencing.h>

#include "self-test/ei_self_test.h"

#define SELF_TEST_AT_BOOT 0  // 1: first compare every output byte with the reference

void setup() {
  Serial.begin(115200);
  delay(1000);
#if SELF_TEST_AT_BOOT
  ei_self_test();
#endif
}

void loop() {
  signal_t signal;
  signal.total_length = EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE;
  signal.get_data = &ei_golden_get_data;

  ei_impulse_result_t result = { 0 };
  EI_IMPULSE_ERROR error = run_classifier(&signal, &result, false);
  if (error != EI_IMPULSE_OK) {
    ei_printf("run_classifier failed (%d)\n", error);
    delay(2000);
    return;
  }
  for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
    ei_printf("%s: ", ei_classifier_inferencing_categories[i]);
    ei_printf_float(result.classification[i].value);
    ei_printf("\n");
  }
  ei_printf("reading %d ms, inference %d ms\n", result.timing.dsp, result.timing.classification);
  delay(2000);
}
