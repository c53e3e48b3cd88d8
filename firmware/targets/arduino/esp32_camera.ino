// Classifies what the camera of an ESP32-CAM (AI-Thinker) sees. Board: "AI Thinker ESP32-CAM", with PSRAM.
#include <@NAME@_inferencing.h>

#include "edge-impulse-sdk/dsp/image/eit_image.h"
#include "esp_camera.h"

static const size_t FRAME_WIDTH = @FRAME_WIDTH@;  // FRAMESIZE_@FRAME@
static const size_t FRAME_HEIGHT = @FRAME_HEIGHT@;

static camera_fb_t *frame;                         // while it is classified
static eit_crop crop;                              // what of it the model sees
static uint8_t row[3 * EI_CLASSIFIER_INPUT_WIDTH];  // RGB, of the model's size
static uint32_t rowY;

static bool startCamera() {
  camera_config_t config = {};
  config.pin_pwdn = 32;
  config.pin_reset = -1;
  config.pin_xclk = 0;
  config.pin_sccb_sda = 26;
  config.pin_sccb_scl = 27;
  config.pin_d7 = 35;
  config.pin_d6 = 34;
  config.pin_d5 = 39;
  config.pin_d4 = 36;
  config.pin_d3 = 21;
  config.pin_d2 = 19;
  config.pin_d1 = 18;
  config.pin_d0 = 5;
  config.pin_vsync = 25;
  config.pin_href = 23;
  config.pin_pclk = 22;
  config.xclk_freq_hz = 20000000;
  config.ledc_timer = LEDC_TIMER_0;
  config.ledc_channel = LEDC_CHANNEL_0;
  config.pixel_format = PIXFORMAT_RGB565;
  config.frame_size = FRAMESIZE_@FRAME@;
  config.fb_count = 1;
  config.fb_location = CAMERA_FB_IN_PSRAM;
  config.grab_mode = CAMERA_GRAB_WHEN_EMPTY;
  return esp_camera_init(&config) == ESP_OK;
}

static bool takePicture() {
  frame = esp_camera_fb_get();
  if (frame == nullptr) {
    return false;
  }
  if (frame->width != FRAME_WIDTH || frame->height != FRAME_HEIGHT) {
    esp_camera_fb_return(frame);
    return false;
  }
  crop = eit_fit_shortest(frame->buf, FRAME_WIDTH, FRAME_HEIGHT, EI_CLASSIFIER_INPUT_WIDTH, EI_CLASSIFIER_INPUT_HEIGHT);
  crop.rgb565 = 1;
  rowY = EI_CLASSIFIER_INPUT_HEIGHT;  // none yet
  return true;
}

// Pixels in the order in which the model asks for them: each row is cut out of the frame, resized and converted once.
static int getData(size_t offset, size_t length, float *out) {
  for (size_t i = 0; i < length; i++) {
    const uint32_t y = (offset + i) / EI_CLASSIFIER_INPUT_WIDTH;
    if (y != rowY) {
      eit_resize_row(&crop, y, row, EI_CLASSIFIER_INPUT_WIDTH, EI_CLASSIFIER_INPUT_HEIGHT, 3);
      rowY = y;
    }
    const uint8_t *pixel = row + 3 * ((offset + i) % EI_CLASSIFIER_INPUT_WIDTH);
    out[i] = (float)((uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2]);
  }
  return 0;
}

void setup() {
  Serial.begin(115200);
  while (!startCamera()) {
    ei_printf("no camera or no PSRAM: is the board an AI Thinker ESP32-CAM?\n");
    delay(5000);
  }
}

void loop() {
  if (!takePicture()) {
    ei_printf("the camera gave no picture\n");
    delay(100);
    return;
  }
  ei::signal_t signal;
  signal.total_length = EI_CLASSIFIER_INPUT_WIDTH * EI_CLASSIFIER_INPUT_HEIGHT;
  signal.get_data = &getData;

  ei_impulse_result_t result = { 0 };
  EI_IMPULSE_ERROR error = run_classifier(&signal, &result, false);
  esp_camera_fb_return(frame);
  if (error != EI_IMPULSE_OK) {
    ei_printf("run_classifier failed (%d)\n", error);
    return;
  }
  for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
    ei_printf("%s: ", result.classification[i].label);
    ei_printf_float(result.classification[i].value);
    ei_printf("  ");
  }
  ei_printf("(%d ms)\n", result.timing.classification);
}
