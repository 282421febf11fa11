"""Push the tested serving image to a registry: `just publish`."""

import os
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.delivery import publish
from kedja.delivery.engine import find


@dataclass
class Options:
    """just publish: push the serving image, logged in by REGISTRY_USER and REGISTRY_TOKEN where they are set."""

    image: str = cli.option("", "name in the registry, for example ghcr.io/owner/kedja", metavar="host/path")
    version: str = cli.option("latest", "tag")
    local: str = cli.option("kedja-serve", "the local image", metavar="name")
    sign: bool = cli.option(False, "sign it with cosign")
    engine: str = cli.option("auto", "container engine", metavar="auto|docker|podman")


def main(options: Options) -> None:
    """Push, sign, tell the digest."""
    if "/" not in options.image:
        raise KedjaError("image=… is missing", "for example image=ghcr.io/owner/kedja")
    digest = publish.push(find(options.engine), options.local, options.image, options.version)
    if options.sign:
        publish.sign(options.image, digest)
    print(f"{options.image.lower()}@{digest}")
    if os.environ.get("GITHUB_OUTPUT"):
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.write(f"digest={digest}\n")


if __name__ == "__main__":
    cli.run(main, Options)
