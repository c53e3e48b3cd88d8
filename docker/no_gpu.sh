#!/bin/sh
# Stands where the gpu image's Python would be when the classic builder was not told to install it.
echo "error: CUDA is not in this image; the classic builder adds it only when asked: docker build --target gpu --build-arg GPU=1 ." >&2
exit 2
