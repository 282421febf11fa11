"""`python -m kedja.serving` under a prefix that a proxy has taken off: uvicorn's `root_path`."""

import functools
import runpy

import uvicorn

PREFIX = "/kedja"

if __name__ == "__main__":
    uvicorn.Config = functools.partial(uvicorn.Config, root_path=PREFIX)  # type: ignore[assignment, misc]
    runpy.run_module("kedja.serving", run_name="__main__", alter_sys=True)
