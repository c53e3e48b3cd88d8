#!/bin/sh
# Writes the lock files anew from pyproject.toml. Needs uv; `make lock` runs it.
# One universal resolution serves Python 3.11 to 3.13; dev and gpu are held to what train.txt pins.
set -eu
cd "$(dirname "$0")"
lock() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url "$@" ../pyproject.toml
}
lock --output-file train.txt
lock --constraints train.txt --extra dev --output-file dev.txt
lock --constraints train.txt --extra gpu --output-file gpu.txt
