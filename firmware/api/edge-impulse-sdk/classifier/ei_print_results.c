#include "edge-impulse-sdk/classifier/ei_print_results.h"

#include "edge-impulse-sdk/porting/ei_classifier_porting.h"

void ei_print_results(ei_impulse_handle_t *impulse_handle, ei_impulse_result_t *result)
{
    (void)impulse_handle;
    ei_printf("Timing: DSP %d ms, inference %d ms, anomaly %d ms\n", result->timing.dsp, result->timing.classification,
              result->timing.anomaly);
#if EI_CLASSIFIER_OBJECT_DETECTION
    ei_printf("Object detection bounding boxes:\n");
    for (uint32_t i = 0; i < result->bounding_boxes_count; i++) {
        const ei_impulse_result_bounding_box_t *box = &result->bounding_boxes[i];
        ei_printf("  %s (", box->label);
        ei_printf_float(box->value);
        ei_printf(") [ x: %u, y: %u, width: %u, height: %u ]\n", (unsigned)box->x, (unsigned)box->y,
                  (unsigned)box->width, (unsigned)box->height);
    }
#else
    ei_printf("Predictions:\n");
    for (uint16_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        ei_printf("  %s: ", result->classification[i].label);
        ei_printf_float(result->classification[i].value);
        ei_printf("\n");
    }
#endif
}
