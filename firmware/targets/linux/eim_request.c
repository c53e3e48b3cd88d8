#include "eim_request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eim_reply.h"

static void heed(void *context, const json_value *value);

void request_begin(eim_request *request)
{
    request->begun = false;
    request->asks = ASKS_NOTHING;
    request->has_id = request->debug = request->bad_type = false;
    request->elements = -1.0;
    request->count = 0;
    json_begin(&request->parser, heed, request);
}

/* ---- Reading ---- */

static void heed_member(eim_request *request, const json_value *value)
{
    static const struct {
        const char *key;
        eim_asks asks;
        json_kind kind;
    } commands[] = {
        {"classify", ASKS_CLASSIFY, JSON_ARRAY},
        {"classify_shm", ASKS_CLASSIFY_SHM, JSON_OBJECT},
        {"classify_continuous", ASKS_CONTINUOUS, JSON_ARRAY},
        {"set_threshold", ASKS_THRESHOLD, JSON_OBJECT},
    };
    if (strcmp(value->key, "id") == 0) {
        request->has_id = value->kind == JSON_NUMBER && isfinite(value->number);
        request->id = value->number;
    } else if (strcmp(value->key, "hello") == 0) {
        request->asks = ASKS_HELLO;
    } else if (strcmp(value->key, "debug") == 0) {
        request->debug = value->kind == JSON_TRUE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(value->key, commands[i].key) == 0) {
            request->asks = commands[i].asks;
            request->bad_type = value->kind != commands[i].kind;
            request->count = 0;
        }
    }
}

static void heed(void *context, const json_value *value)
{
    eim_request *request = context;
    if (value->depth == 1) {
        heed_member(request, value);
    } else if (value->depth == 2 && request->asks == ASKS_CLASSIFY && strcmp(value->key, "classify") == 0) {
        request->bad_type |= value->kind != JSON_NUMBER;
        if (request->count < EIM_FEATURES) {
            request->features[request->count] = (float)value->number;
        }
        request->count += request->count < (size_t)-1;
    } else if (strcmp(value->key, "classify_shm") == 0 && strcmp(value->inner, "elements") == 0) {
        request->elements = value->kind == JSON_NUMBER ? value->number : -1.0;
    }
}

/* ---- Answering ---- */

static void begin_reply(eim_reply *reply, const eim_request *request, int socket, bool success)
{
    reply_begin(reply, socket);
    if (!request->has_id) {
        reply_text(reply, "{\"id\":null");
    } else if (request->id == floor(request->id) && fabs(request->id) < 9007199254740992.0) {
        reply_text(reply, "{\"id\":%.0f", request->id);
    } else {
        reply_text(reply, "{\"id\":%.17g", request->id);
    }
    reply_text(reply, ",\"success\":%s", success ? "true" : "false");
}

bool request_refuse(const eim_request *request, const char *why, int socket)
{
    eim_reply reply;
    begin_reply(&reply, request, socket, false);
    reply_text(&reply, ",\"error\":");
    reply_string(&reply, why);
    reply_text(&reply, "}");
    return reply_end(&reply);
}

static void write_parameters(eim_reply *reply)
{
    const bool picture = EI_CLASSIFIER_INPUT_WIDTH > 0;
    reply_text(reply, ",\"model_parameters\":{\"axis_count\":%d,\"frequency\":%.9g,\"has_anomaly\":0,",
               EI_CLASSIFIER_RAW_SAMPLES_PER_FRAME, (double)EI_CLASSIFIER_FREQUENCY);
    reply_text(reply, "\"input_features_count\":%d,\"image_input_height\":%d,\"image_input_width\":%d,", EIM_FEATURES,
               EI_CLASSIFIER_INPUT_HEIGHT, EI_CLASSIFIER_INPUT_WIDTH);
    reply_text(reply, "\"image_input_frames\":%d,\"image_channel_count\":%d,", EI_CLASSIFIER_INPUT_FRAMES,
               EI_CLASSIFIER_INPUT_CHANNELS);
    reply_text(reply, "\"image_resize_mode\":\"%s\",", picture ? "fit-shortest" : "none");
    reply_text(reply, "\"interval_ms\":%.9g,\"label_count\":%d,\"sensor\":%d,", (double)EI_CLASSIFIER_INTERVAL_MS,
               EI_CLASSIFIER_LABEL_COUNT, EI_CLASSIFIER_SENSOR);
    reply_text(reply, "\"slice_size\":%d,\"use_continuous_mode\":false,", EI_CLASSIFIER_SLICE_SIZE);
    reply_text(reply, "\"inferencing_engine\":%d,\"model_type\":\"%s\",\"labels\":[", EI_CLASSIFIER_INFERENCING_ENGINE,
               EI_CLASSIFIER_OBJECT_DETECTION ? "constrained_object_detection" : "classification");
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        reply_text(reply, i > 0 ? "," : "");
        reply_string(reply, ei_classifier_inferencing_categories[i]);
    }
    reply_text(reply, "]}");
}

static bool answer_hello(const eim_request *request, const eim_shared *shared, int socket)
{
    eim_reply reply;
    begin_reply(&reply, request, socket, true);
    write_parameters(&reply);
    reply_text(&reply, ",\"project\":{\"deploy_version\":%d,\"id\":%d,\"name\":", EI_CLASSIFIER_PROJECT_DEPLOY_VERSION,
               EI_CLASSIFIER_PROJECT_ID);
    reply_string(&reply, EI_CLASSIFIER_PROJECT_NAME);
    reply_text(&reply, ",\"owner\":");
    reply_string(&reply, EI_CLASSIFIER_PROJECT_OWNER);
    reply_text(&reply, "},\"inferencing_engine\":{\"engine_type\":%d}", EI_CLASSIFIER_INFERENCING_ENGINE);
    if (shared->features != NULL) {
        reply_text(&reply, ",\"features_shm\":{\"name\":\"%s\",\"size_bytes\":%lu,\"type\":\"float32\",", shared->name,
                   (unsigned long)(EIM_FEATURES * sizeof(float)));
        reply_text(&reply, "\"elements\":%d}", EIM_FEATURES);
    } else {
        reply_text(&reply, ",\"features_shm_error\":");
        reply_string(&reply, shared->error);
    }
    reply_text(&reply, "}");
    return reply_end(&reply);
}

static int read_features(void *context, size_t offset, size_t length, float *out)
{
    memcpy(out, (const float *)context + offset, length * sizeof(float));
    return 0;
}

static void write_result(eim_reply *reply, const ei_impulse_result_t *result)
{
#if EI_CLASSIFIER_OBJECT_DETECTION
    reply_text(reply, "\"bounding_boxes\":[");
    for (uint32_t i = 0; i < result->bounding_boxes_count; i++) {
        const ei_impulse_result_bounding_box_t *box = &result->bounding_boxes[i];
        reply_text(reply, i > 0 ? ",{\"label\":" : "{\"label\":");
        reply_string(reply, box->label);
        reply_text(reply, ",\"value\":%.9g,\"x\":%u,\"y\":%u,\"width\":%u,\"height\":%u}", (double)box->value,
                   (unsigned)box->x, (unsigned)box->y, (unsigned)box->width, (unsigned)box->height);
    }
    reply_text(reply, "]");
#else
    reply_text(reply, "\"classification\":{");
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        reply_text(reply, i > 0 ? "," : "");
        reply_string(reply, result->classification[i].label);
        reply_text(reply, ":%.9g", (double)result->classification[i].value);
    }
    reply_text(reply, "}");
#endif
}

static bool answer_classify(const eim_request *request, const float *features, double count, int socket)
{
    ei_impulse_result_t result;
    char why[128];
    if (request->bad_type || count != (double)EIM_FEATURES) {
        snprintf(why, sizeof why, "the model takes %d numbers, not %.0f", EIM_FEATURES, count < 0.0 ? 0.0 : count);
        return request_refuse(request, request->bad_type ? "classify takes an array of numbers" : why, socket);
    }
    const EI_IMPULSE_ERROR error =
        ei_classify_signal(read_features, (void *)(uintptr_t)features, EIM_FEATURES, &result, request->debug);
    if (error != EI_IMPULSE_OK) {
        snprintf(why, sizeof why, "run_classifier failed (%d)%s", (int)error,
                 error == EI_IMPULSE_DSP_ERROR ? ": a feature is out of range" : "");
        return request_refuse(request, why, socket);
    }
    eim_reply reply;
    begin_reply(&reply, request, socket, true);
    reply_text(&reply, ",\"result\":{");
    write_result(&reply, &result);
    reply_text(&reply, "},\"timing\":{\"dsp\":%.3f,\"classification\":%.3f,\"anomaly\":0}}",
               (double)result.timing.dsp_us / 1000.0, (double)result.timing.classification_us / 1000.0);
    return reply_end(&reply);
}

bool request_answer(const eim_request *request, const eim_shared *shared, int socket)
{
    switch (request->has_id ? request->asks : ASKS_NOTHING) {
    case ASKS_HELLO:
        return answer_hello(request, shared, socket);
    case ASKS_CLASSIFY:
        return answer_classify(request, request->features, (double)request->count, socket);
    case ASKS_CLASSIFY_SHM:
        if (shared->features == NULL) {
            return request_refuse(request, shared->error, socket);
        }
        return answer_classify(request, shared->features, request->elements, socket);
    case ASKS_CONTINUOUS:
        return request_refuse(request, "this model classifies whole signals: send classify", socket);
    case ASKS_THRESHOLD:
        return request_refuse(request, "this model has no thresholds", socket);
    default:
        return request_refuse(
            request, request->has_id ? "neither hello nor classify is asked for" : "the request has no id", socket);
    }
}
