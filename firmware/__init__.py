"""From an INT8 `.tflite` to C: the compiler, the engine's sources and the packages for each target."""
