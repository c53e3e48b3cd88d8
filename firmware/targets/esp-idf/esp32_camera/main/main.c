/* Classifies what the camera of an ESP32-CAM (AI-Thinker) sees, again and again. */
#include <stdint.h>
#include <stdlib.h>

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
#include "edge-impulse-sdk/dsp/image/eit_image.h"
#include "esp_camera.h"
#include "sdkconfig.h"
#include "self-test/ei_self_test.h"

#define FRAME_WIDTH @FRAME_WIDTH@u /* FRAMESIZE_@FRAME@ */
#define FRAME_HEIGHT @FRAME_HEIGHT@u

/* The AI-Thinker module's wiring. */
static const camera_config_t camera = {
    .pin_pwdn = 32,
    .pin_reset = -1,
    .pin_xclk = 0,
    .pin_sccb_sda = 26,
    .pin_sccb_scl = 27,
    .pin_d7 = 35,
    .pin_d6 = 34,
    .pin_d5 = 39,
    .pin_d4 = 36,
    .pin_d3 = 21,
    .pin_d2 = 19,
    .pin_d1 = 18,
    .pin_d0 = 5,
    .pin_vsync = 25,
    .pin_href = 23,
    .pin_pclk = 22,
    .xclk_freq_hz = 20000000,
    .ledc_timer = LEDC_TIMER_0,
    .ledc_channel = LEDC_CHANNEL_0,
    .pixel_format = PIXFORMAT_RGB565,
    .frame_size = FRAMESIZE_@FRAME@,
    .fb_count = 1,
    .fb_location = CAMERA_FB_IN_PSRAM,
    .grab_mode = CAMERA_GRAB_WHEN_EMPTY,
};

static camera_fb_t *frame;                            /* while it is classified */
static eit_crop crop;                                 /* what of it the model sees */
static uint8_t row[3 * EI_CLASSIFIER_INPUT_WIDTH];    /* RGB, of the model's size */
static uint32_t row_y;

static int take_picture(void)
{
    frame = esp_camera_fb_get();
    if (frame == NULL || frame->width != FRAME_WIDTH || frame->height != FRAME_HEIGHT) {
        if (frame != NULL) {
            esp_camera_fb_return(frame);
        }
        return -1;
    }
    crop =
        eit_fit_shortest(frame->buf, FRAME_WIDTH, FRAME_HEIGHT, EI_CLASSIFIER_INPUT_WIDTH, EI_CLASSIFIER_INPUT_HEIGHT);
    crop.rgb565 = 1;
    row_y = EI_CLASSIFIER_INPUT_HEIGHT; /* none yet */
    return 0;
}

/* Pixels in the order in which the model asks for them: each row is cut out of the frame, resized and converted. */
static int get_data(size_t offset, size_t length, float *out)
{
    for (size_t i = 0; i < length; i++) {
        const uint32_t y = (uint32_t)((offset + i) / EI_CLASSIFIER_INPUT_WIDTH);
        const uint8_t *pixel = row + 3 * ((offset + i) % EI_CLASSIFIER_INPUT_WIDTH);
        if (y != row_y) {
            eit_resize_row(&crop, y, row, EI_CLASSIFIER_INPUT_WIDTH, EI_CLASSIFIER_INPUT_HEIGHT, 3u);
            row_y = y;
        }
        out[i] = (float)((uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2]);
    }
    return 0;
}

static void classify(void)
{
    signal_t signal = {get_data, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE};
    ei_impulse_result_t result;

    if (take_picture() != 0) {
        ei_printf("the camera gave no picture\n");
        return;
    }
    const EI_IMPULSE_ERROR error = run_classifier(&signal, &result, false);
    esp_camera_fb_return(frame);
    if (error != EI_IMPULSE_OK) {
        ei_printf("run_classifier failed (%d)\n", error);
        return;
    }
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        ei_printf("%s: ", ei_classifier_inferencing_categories[i]);
        ei_printf_float(result.classification[i].value);
        ei_printf("  ");
    }
    ei_printf("(%d ms)\n", result.timing.classification);
}

void app_main(void)
{
#ifdef CONFIG_EI_SELF_TEST_AT_BOOT
    if (ei_self_test() != EI_IMPULSE_OK) {
        return;
    }
#endif
    if (esp_camera_init(&camera) != ESP_OK) {
        ei_printf("no camera or no external RAM for its frame: is this an ESP32-CAM (AI-Thinker)?\n");
        return;
    }
    for (;;) {
        classify();
        ei_sleep(10);
    }
}
