"""Make a release with the bundle and the list of the image's parts attached: `just release`."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing need be installed

from kedja import cli  # noqa: E402
from kedja.common.errors import KedjaError  # noqa: E402
from kedja.delivery import publish  # noqa: E402


@dataclass
class Options:
    """just release: a release on GitHub for a tag that is there. Needs GH_TOKEN and GitHub's program gh."""

    version: str = cli.option("", "the tag, for example v1.2.3")
    digest: str = cli.option("", "digest of the image that belongs to it", metavar="sha256:…")
    bundle: Path = cli.option(ROOT / "bundle", "the bundle to attach", metavar="path")
    sbom: Path = cli.option(ROOT / "reports" / "sbom-serve.json", "the image's parts", metavar="path")


def main(options: Options) -> None:
    """Pack and publish."""
    if not options.version:
        raise KedjaError("version=… is missing", "for example version=v1.2.3")
    if not options.sbom.is_file():
        raise KedjaError(f"{options.sbom} does not exist", "just sbom")
    packed = publish.archive(options.bundle, ROOT / "reports" / f"bundle-{options.version}.tar.gz")
    notes = f"Serving image: `{options.digest}`" if options.digest else "Without an image."
    publish.release(options.version, [packed, options.sbom], notes)


if __name__ == "__main__":
    cli.run(main, Options)
