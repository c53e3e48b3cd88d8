#!/bin/sh
# What the container starts: answers signals from the first millisecond on, and hands them to the program once that can.
#
# The kernel spares a container's first process the signals that it has no handler for, and Python takes its time to
# have one: `docker stop` would wait for ten seconds in vain. A shell is there at once.

is_up() { # whether the program catches SIGTERM by now, which it does first of all
    while read -r name value; do
        [ "$name" = SigCgt: ] && [ $((0x$value >> 14 & 1)) = 1 ] && return 0
    done <"/proc/$child/status"
    return 1
}

stop() { # NAME CODE
    is_up 2>/dev/null && kill -"$1" "$child" && return
    echo "error: stopped by SIG$1" >&2
    exit "$2" # and the kernel ends whoever is left
}

child=
trap 'stop HUP 129' HUP
trap 'stop INT 130' INT
trap 'stop TERM 143' TERM
/opt/ei-train/bin/python3 /opt/ei-train/entrypoint.py "$@" <&0 &
child=$!
while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || exit "$code" # else it was a signal that ended the waiting
done
