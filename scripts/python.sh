#!/bin/sh
# Run the first Python >= 3.11 on this machine with the given arguments: sh scripts/python.sh FILE …
# The choice is remembered in .tools/python, because asking ten interpreters for their version takes a while.
set -eu
tools=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/.tools

# Prints the interpreter's own path, or fails where it is missing, broken or too old.
accepted() {
    "$1" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null
}

if [ -s "$tools/python" ]; then
    python=$(cat "$tools/python")
    # A remembered interpreter that is gone, or was replaced by an older one, is searched for again.
    python=$(accepted "$python") || python=
fi

if [ -z "${python:-}" ]; then
    for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
        python=$(accepted "$name") && break
        python=
    done
    if [ -z "$python" ]; then
        echo "error: no Python 3.11 or newer was found on PATH" >&2
        echo "       install one (python3.11 … python3.14; Debian: apt-get install python3 python3-venv) and run this again" >&2
        exit 1
    fi
    mkdir -p "$tools"
    printf '%s\n' "$python" >"$tools/python.$$" && mv -f "$tools/python.$$" "$tools/python"
fi

exec "$python" "$@"
