"""What every test gets: two threads at the most, no network settings of the user, no colours."""

import os

# Before numpy, torch and onnxruntime are imported: tests run in parallel processes on shared machines.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("NO_COLOR", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
