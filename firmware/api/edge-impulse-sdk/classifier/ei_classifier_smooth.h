/* A label only after it has won several of the last results, as Edge Impulse's motion and audio examples smooth. */
#ifndef EI_CLASSIFIER_SMOOTH_H
#define EI_CLASSIFIER_SMOOTH_H

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `last_readings` is the caller's memory for the last winners' numbers: -1 uncertain, -2 anomaly, else a label's. */
typedef struct ei_classifier_smooth {
    int *last_readings;
    size_t last_readings_size;
    uint8_t min_readings_same;
    float classifier_confidence;
    float anomaly_confidence;
    uint8_t count[EI_CLASSIFIER_LABEL_COUNT + 2]; /* labels, uncertain, anomaly */
    size_t count_size;
} ei_classifier_smooth_t;

/* A label wins with at least `min_readings_same` of the last `n_readings` results above `classifier_confidence`. */
static inline void ei_classifier_smooth_init(ei_classifier_smooth_t *smooth, size_t n_readings,
                                             uint8_t min_readings_same, float classifier_confidence,
                                             float anomaly_confidence)
{
    smooth->last_readings = (int *)ei_malloc(n_readings * sizeof(int));
    for (size_t i = 0; smooth->last_readings != NULL && i < n_readings; i++) {
        smooth->last_readings[i] = -1;
    }
    smooth->last_readings_size = smooth->last_readings == NULL ? 0 : n_readings;
    smooth->min_readings_same = min_readings_same;
    smooth->classifier_confidence = classifier_confidence;
    smooth->anomaly_confidence = anomaly_confidence;
    smooth->count_size = EI_CLASSIFIER_LABEL_COUNT + 2;
}

/* Takes a result in; the label that wins now, "uncertain" or "anomaly". */
static inline const char *ei_classifier_smooth_update(ei_classifier_smooth_t *smooth, ei_impulse_result_t *result)
{
    int reading = -1;
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        if (result->classification[i].value >= smooth->classifier_confidence) {
            reading = (int)i;
        }
    }
    if (EI_CLASSIFIER_HAS_ANOMALY && result->anomaly > smooth->anomaly_confidence) {
        reading = -2;
    }
    for (size_t i = 0; i < smooth->count_size; i++) {
        smooth->count[i] = 0;
    }
    for (size_t i = 0; i < smooth->last_readings_size; i++) {
        const int kept = i + 1 < smooth->last_readings_size ? smooth->last_readings[i + 1] : reading;
        smooth->last_readings[i] = kept;
        smooth->count[kept >= 0 ? kept : EI_CLASSIFIER_LABEL_COUNT - 1 - kept]++;
    }
    size_t top = EI_CLASSIFIER_LABEL_COUNT;
    uint8_t most = 0;
    for (size_t i = 0; i < smooth->count_size; i++) {
        if (smooth->count[i] > most) {
            most = smooth->count[i];
            top = i;
        }
    }
    if (most < smooth->min_readings_same || top == EI_CLASSIFIER_LABEL_COUNT) {
        return "uncertain";
    }
    return top > EI_CLASSIFIER_LABEL_COUNT ? "anomaly" : result->classification[top].label;
}

static inline void ei_classifier_smooth_free(ei_classifier_smooth_t *smooth)
{
    ei_free(smooth->last_readings);
    smooth->last_readings = NULL;
    smooth->last_readings_size = 0;
}

#ifdef __cplusplus
}
#endif

#endif
