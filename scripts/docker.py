"""Build the serving image, or the training image: `just docker`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.common.errors import KedjaError
from kedja.delivery import image
from kedja.delivery.engine import find

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Options:
    """just docker: build an image of this working tree, and hold its size against the budget."""

    target: Literal["serve", "train"] = cli.option("serve", "the model behind HTTP, or the whole environment")
    tag: str | None = cli.option(None, "the image's name (kedja-serve or kedja-train)", metavar="name")
    bundle: str = cli.option("bundle", "folder of this repository that goes in; mount for none", metavar="path|mount")
    torch: str = cli.option("locked", "PyTorch's build in the training image: locked (CUDA and CPU), cpu, cu126, …")
    base: str = cli.option("", "base image instead of the pinned one", metavar="name")
    engine: Literal["auto", "docker", "podman", "buildah"] = cli.option("auto", "container engine")
    budget: int = cli.option(150, "megabytes that the serving image may have over its base")
    reproducible: bool = cli.option(False, "build twice without cache, and fail where a layer differs")


def main(options: Options) -> None:
    """Build, measure, and check."""
    recipe = image.Recipe(
        target=options.target,
        tag=options.tag or f"kedja-{options.target}",
        base=options.base,
        bundle=None if options.bundle == "mount" else Path(options.bundle),
        torch=options.torch,
    )
    found = find(options.engine)
    built = image.build(ROOT, found, recipe, cache=not options.reproducible)
    print(f"{built.tag}: {built.bytes_over_base / image.MEGABYTE:.1f} MB over its base, built in {built.seconds:.0f} s")
    if options.target == "serve" and built.bytes_over_base > options.budget * image.MEGABYTE:
        raise KedjaError(
            f"the image is over its budget of {options.budget} MB", "deploy/image/slim.py lists what is left out"
        )
    if options.reproducible:
        image.check_reproducible(built, image.build(ROOT, found, recipe, cache=False))
        print(f"{built.tag}: two builds, the same {len(built.layers)} layers")


if __name__ == "__main__":
    cli.run(main, Options)
