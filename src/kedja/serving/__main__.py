"""`python -m kedja.serving key=value …`: the server, where there is no clone around it."""

import os

from kedja import cli
from kedja.serving.settings import Settings


def main(settings: Settings) -> int:
    """Start the server; importing it late keeps `--help` and wrong keys quick."""
    # ONNX Runtime from 1.29 on reports to its maker unless told otherwise before it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from kedja.serving.server import serve

    return serve(settings)


if __name__ == "__main__":
    cli.run(main, Settings, "KEDJA_")
