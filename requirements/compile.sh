#!/bin/sh
# Writes the lock files anew from pyproject.toml. Needs uv; `make lock` runs it.
# One universal resolution serves Python 3.11 to 3.13; the others are held to what train.txt pins:
#   dev    a developer's environment
#   cpu    the image: TensorFlow's wheel for x86-64 without the CUDA kernels, half the size, with the same code otherwise
#   gpu    the image's gpu target
#   build  what builds our own package inside the image
set -eu
cd "$(dirname "$0")"
lock() {
    uv pip compile "$@" --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url
}
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
echo 'tensorflow ; platform_machine != "x86_64"' > "$scratch/instead.txt"
echo 'tensorflow-cpu ; platform_machine == "x86_64"' > "$scratch/cpu.in"
echo 'setuptools' > "$scratch/build.in"

lock --output-file train.txt ../pyproject.toml
lock --constraints train.txt --extra dev --output-file dev.txt ../pyproject.toml
lock --constraints train.txt --extra gpu --output-file gpu.txt ../pyproject.toml
lock --constraints train.txt --override "$scratch/instead.txt" --output-file cpu.txt ../pyproject.toml "$scratch/cpu.in"
lock --constraints train.txt --output-file build.txt "$scratch/build.in"
