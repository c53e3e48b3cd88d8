/* One request as it comes in, and the answer to it. */
#ifndef EIM_REQUEST_H
#define EIM_REQUEST_H

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
#include "eim_json.h"

#define EIM_FEATURES EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE

/* What a request asks for; the last one named counts. */
typedef enum { ASKS_NOTHING, ASKS_HELLO, ASKS_CLASSIFY, ASKS_CLASSIFY_SHM, ASKS_CONTINUOUS, ASKS_THRESHOLD } eim_asks;

typedef struct {
    json_parser parser;
    bool begun; /* a byte of it is there */
    eim_asks asks;
    bool has_id;
    double id;
    bool debug;
    bool bad_type;   /* a member is not of the kind it must be */
    double elements; /* of classify_shm */
    size_t count;    /* of features, also of those beyond what fits */
    float features[EIM_FEATURES];
} eim_request;

/* The memory that clients may put features in; `features` is null where there is none. */
typedef struct {
    char name[64]; /* as shm_open takes it */
    const float *features;
    char error[128];
} eim_shared;

void request_begin(eim_request *request);

/* Answers a whole request on `socket`: false where the other side is gone. */
bool request_answer(const eim_request *request, const eim_shared *shared, int socket);

/* Answers a request that cannot be read. */
bool request_refuse(const eim_request *request, const char *why, int socket);

#endif
