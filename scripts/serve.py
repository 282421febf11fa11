"""Serve the bundle over HTTP; on a fresh clone make the bundle first."""

import importlib.util
from pathlib import Path

from kedja import cli
from kedja.bundle.metadata import METADATA
from kedja.serving.__main__ import main
from kedja.serving.settings import Settings


def serve(settings: Settings) -> int | None:
    """Where there is no default bundle but everything to make one, make it."""
    default = settings.bundle == Path("bundle")
    if default and not (settings.bundle / METADATA).exists() and importlib.util.find_spec("torch"):
        print("there is no bundle/ yet: making one with `just export`", flush=True)
        cli.call("kedja.export")
    return main(settings)


if __name__ == "__main__":
    cli.run(serve, Settings, "KEDJA_")
