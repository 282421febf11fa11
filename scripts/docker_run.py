"""Run the serving image, hardened, in the foreground: `just docker-run`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.delivery.engine import HARDENED, find


@dataclass
class Options:
    """just docker-run: serve the bundle in the image at port 8000 of this machine alone."""

    tag: str = cli.option("kedja-serve", "the image", metavar="name")
    port: int = cli.option(8000, "port on this machine")
    address: str = cli.option("127.0.0.1", "address on this machine; 0.0.0.0 for every network interface")
    bundle: Path | None = cli.option(None, "a bundle to mount instead of the one in the image")
    memory: str = cli.option("512m", "memory limit")
    pids: int = cli.option(128, "limit of processes and threads")
    engine: Literal["auto", "docker", "podman"] = cli.option("auto", "container engine")


def main(options: Options) -> None:
    """Become the container engine, so that Ctrl-C and SIGTERM reach the server."""
    found = find(options.engine)
    if found.program == "buildah":
        raise KedjaError("buildah runs no services", "install docker or podman")
    command = [found.program, "run", "--rm", *HARDENED]
    command += ["--memory", options.memory, "--pids-limit", str(options.pids)]
    command += ["--publish", f"{options.address}:{options.port}:8000"]
    if options.bundle:
        command += ["--volume", f"{options.bundle.resolve()}:/bundle:ro"]
    print(f"http://{options.address}:{options.port}/  (Ctrl-C stops it)", flush=True)
    os.execvp(found.program, [*command, options.tag])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    cli.run(main, Options)
