/* A signal from a buffer in memory, under the name that Edge Impulse's examples use. */
#ifndef EI_NUMPY_HPP
#define EI_NUMPY_HPP

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

#include <cstring>

#if !defined(EIDSP_SIGNAL_C_FN_POINTER) || EIDSP_SIGNAL_C_FN_POINTER != 1

namespace ei
{

class numpy
{
public:
    /* Makes `signal` read from `data`, which must outlive it: EIDSP_OK. */
    static int signal_from_buffer(const float *data, size_t data_size, signal_t *signal)
    {
        signal->total_length = data_size;
        signal->get_data = [data](size_t offset, size_t length, float *out) {
            std::memcpy(out, data + offset, length * sizeof(float));
            return static_cast<int>(EIDSP_OK);
        };
        return EIDSP_OK;
    }

    /* 16-bit samples as floats, not scaled: EIDSP_OK. */
    static int int16_to_float(const int16_t *input, float *output, size_t length)
    {
        for (size_t i = 0; i < length; i++) {
            output[i] = static_cast<float>(input[i]);
        }
        return EIDSP_OK;
    }
};

} // namespace ei

#endif

#endif
