"""The compiler: an int8 `.tflite` becomes C sources on the engine in `firmware/engine`. It never imports TensorFlow."""

from firmware.compiler.compile import (
    ENGINE,
    CompiledLayer,
    CompiledModel,
    CompiledTensor,
    compile_model,
    compiled_front,
)

__all__ = ["ENGINE", "CompiledLayer", "CompiledModel", "CompiledTensor", "compile_model", "compiled_front"]
