"""Tests of the compiler, the engine in C and the packages.

Modules without a file of tests under their own name, and where they are tested:

    compiler/affine      test_encode
    compiler/compile     test_bit_exact
    compiler/config      test_engine
    compiler/cost        test_profile
    compiler/ctables     test_proof
    compiler/emit        test_bit_exact, test_packages
    compiler/emit_plan   test_bit_exact, test_proof
    compiler/flatbuffer  test_refusals
    compiler/fold        test_others
    compiler/graph       test_refusals
    compiler/kernels     test_plan, test_bit_exact
    compiler/layers      test_plan
    compiler/lookup      test_bit_exact
    compiler/lower       test_bit_exact, test_refusals
    compiler/pairs       test_bit_exact, test_others
    compiler/pieces      test_bit_exact
    compiler/place       test_plan
    compiler/quantize    test_encode
    compiler/recompute   test_front
    compiler/repair      test_others
    compiler/requantize  test_encode
    compiler/schedule    test_proof, test_plan
    compiler/schema      test_refusals
    compiler/sums        test_bit_exact
    compiler/swish       test_bit_exact
    compiler/tflite      test_refusals
    compiler/values      test_others
    compiler/weighted    test_bit_exact
    compiler/weightless  test_bit_exact, test_others
    package              test_packages
    packages/archive     test_packages
    packages/arduino     test_packages
    packages/describe    test_packages, test_api
    packages/esp_idf     test_packages, test_package_boards
    packages/golden      test_packages
    packages/headers     test_packages
    packages/spec        test_packages
    packages/library     test_packages
    packages/linux       test_eim
    packages/native      test_api
    packages/trial       test_packages, test_others
    qemu                 test_profile
"""
