"""List the parts of the images as CycloneDX documents, from the lock by uv: `just sbom`."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing need be installed

from kedja import cli  # noqa: E402
from kedja.common import files  # noqa: E402
from kedja.environment import lock  # noqa: E402


@dataclass
class Options:
    """just sbom: write reports/sbom-<group>.json, CycloneDX 1.5, for each group."""

    groups: list[str] = cli.option(["serve", "train"], "dependency groups", metavar="name,…")
    output: Path = cli.option(ROOT / "reports", "folder for the documents", metavar="path")


def main(options: Options) -> None:
    """One document a group: an image holds a group."""
    for group in options.groups:
        lock.requirements(ROOT, [group])  # names the nearest group where there is none
        command = ["export", "--quiet", "--frozen", "--no-default-groups", "--group", group]
        document = lock.run_uv(
            [*command, "--format", "cyclonedx1.5", "--preview-features", "sbom-export"], ROOT, capture=True
        )
        files.write_text(options.output / f"sbom-{group}.json", document)
        print(options.output / f"sbom-{group}.json")


if __name__ == "__main__":
    cli.run(main, Options)
