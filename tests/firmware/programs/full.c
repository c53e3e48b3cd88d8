/* An application whose memory is full. */
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
static int given;
void *ei_malloc(size_t size)
{
    (void)size;
    given++;
    return 0;
}
static int get_data(size_t offset, size_t length, float *out)
{
    (void)offset;
    (void)length;
    out[0] = 0;
    return 0;
}
int main(void)
{
    ei_impulse_result_t result;
    signal_t signal = {get_data, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE};
    run_classifier_init();
    return run_classifier(&signal, &result, false) == EI_IMPULSE_TFLITE_ARENA_ALLOC_FAILED && given == 2 ? 0 : 1;
}
