"""`python -m kedja.serving` whose event loop never comes back once it was told to stop."""

import runpy
import time

from kedja.serving import worker
from kedja.serving.state import Service

if __name__ == "__main__":
    worker.SECONDS_TO_END = 0.5
    Service.begin_draining = lambda self: time.sleep(3600)  # type: ignore[method-assign]
    runpy.run_module("kedja.serving", run_name="__main__", alter_sys=True)
