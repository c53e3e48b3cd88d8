#!/bin/sh
# Installs into /added what a lock holds and another one does not: add.sh OTHER LOCK [NAME], NAME all the same.
set -eu
awk -v again="${3:-}" '
    FNR == NR { there[$1]; next }
    /^[a-z]/ { split($1, name, "=="); wanted = !($1 in there) || name[1] == again }
    wanted
' "$1" "$2" >/build/added.txt
pip install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes --prefix /added \
    -r /build/added.txt
python -m compileall -q --invalidation-mode unchecked-hash /added
