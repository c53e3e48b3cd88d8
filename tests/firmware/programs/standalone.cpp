/* What the standalone C++ example does: raw features from text, a signal from a buffer, debug output, scores. */
#include <cstdio>
#include <iostream>
#include <sstream>

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

int main(int argc, char **argv)
{
    std::string word;
    std::vector<float> raw;
    for (std::istringstream words(argc == 2 ? argv[1] : ""); std::getline(words, word, ',');) {
        raw.push_back(std::stof(word));
    }
    if (raw.size() != EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE) {
        std::printf("%d values, not %lu\n", EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE, raw.size());
        return 1;
    }
    ei_impulse_result_t result;
    signal_t signal;
    numpy::signal_from_buffer(&raw[0], raw.size(), &signal);
    const EI_IMPULSE_ERROR error = run_classifier(&signal, &result, true);
    std::printf("status %d\nscores", error);
    for (size_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        std::printf(" %.5f", result.classification[i].value);
    }
#if EI_CLASSIFIER_HAS_ANOMALY == 1
    std::printf(" %.3f", result.anomaly);
#endif
    std::printf("\n");
    return 0;
}
