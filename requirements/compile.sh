#!/bin/sh
# Writes the lock files anew from pyproject.toml. Needs uv; `make lock` runs it.
# One universal resolution serves Python 3.11 to 3.13; the others are held to what train.txt pins:
#   train  the image
#   tune   the image's packages and those of `ei-train tune`
#   ray    those of `ei-train tune --executor ray`: the same and Ray
#   dev    the local environment: the same and what tests and linting need
#   gpu    the image's gpu target: the same with TensorFlow's CUDA libraries
#   build  what builds our own package inside the image
# On x86-64 without a GPU TensorFlow comes as tensorflow-cpu: half the size, without the CUDA kernels, else the same.
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
without_cuda="--override $scratch/instead.txt ../pyproject.toml $scratch/cpu.in"

# shellcheck disable=SC2086 # a list of words
lock --output-file train.txt --extra train $without_cuda
lock --constraints train.txt --output-file tune.txt --extra train --extra tune $without_cuda
lock --constraints tune.txt --output-file ray.txt --extra train --extra tune --extra ray $without_cuda
lock --constraints ray.txt --output-file dev.txt --extra train --extra dev $without_cuda
lock --constraints train.txt --output-file gpu.txt --extra train --extra gpu ../pyproject.toml
lock --constraints train.txt --output-file build.txt "$scratch/build.in"
