#!/bin/sh
# Where `make` can run the program: prints `build` (an image can be built), `image` (one is there, but its base cannot be
# had to build it anew) or `venv` (no Docker), and the reason on stderr.
#
#     docker/where.sh IMAGE BASE_IMAGE
set -u
image=$1 base=$2
say() { echo "$1"; echo "in ${3:-Docker}: $2" >&2; exit 0; }

command -v docker >/dev/null || say venv "there is no docker command" "a local environment"
docker info >/dev/null 2>&1 || say venv "no Docker engine answers" "a local environment"
docker image inspect "$base" >/dev/null 2>&1 && say build "an engine answers and $base is here"
docker pull --quiet "$base" >/dev/null 2>&1 && say build "an engine answers and $base was pulled"
docker image inspect "$image" >/dev/null 2>&1 && say image "$image is here as it was built; $base cannot be pulled"
say venv "an engine answers, but $base is not here and cannot be pulled" "a local environment"
