#!/bin/sh
# The GPU benchmark on a machine without a network: unpacks what `benchmarks/gpu_pack.py` packed and runs it.
#   sh <folder of the parts>/1/gpu.sh [device=cuda seconds=560 …]        keys of benchmarks/gpu.py
# It may be given again, with further parts beside the first: what is done is not done again.
set -u
parts=$(cd "$(dirname "$0")/.." && pwd)
work=${KEDJA_GPU_WORK:-${TMPDIR:-/tmp}/kedja-gpu}
results=${RESULTS:-$work/results}
python=${PYTHON:-python3}
mkdir -p "$work/code" "$work/site" "$work/strips" "$results"
for part in "$parts"/*/; do
    [ -f "$part/code.tar.xz" ] && tar -xJf "$part/code.tar.xz" -C "$work/code"
    [ -f "$part/data.tar.xz" ] && tar -xJf "$part/data.tar.xz" -C "$work"
    [ -d "$part/strips" ] && cp "$part"/strips/* "$work/strips/"
    # Only what the machine lacks: its own PyTorch, and what belongs to that, stay.
    if [ -d "$part/wheels" ] && [ ! -e "$work/site/.done" ]; then
        "$python" "$work/code/benchmarks/gpu_wheels.py" "$part/wheels" "$work/site" && touch "$work/site/.done"
    fi
done
PYTHONPATH=$work/site:$work/code/src:$work/code/benchmarks:$work/code/benchmarks/training_peers${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
cd "$work" && exec "$python" code/benchmarks/gpu.py results="$results" "$@"
