"""Write the list of merged changes into docs/reviews.md: `just reviews`."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing need be installed

from kedja import cli  # noqa: E402
from kedja.delivery import github, reviews  # noqa: E402


@dataclass
class Options:
    """just reviews: list the merged changes between the markers of a file."""

    source: Literal["auto", "github", "history"] = cli.option("auto", "GitHub with a token, else git's history")
    repository: str | None = cli.option(None, "the repository (this clone's origin)", metavar="owner/name")
    file: Path = cli.option(ROOT / "docs" / "reviews.md", "the file with the markers", metavar="path")
    newest: int = cli.option(20, "how many changes are listed")


def main(options: Options) -> None:
    """Read, write, say whether anything changed."""
    has_token = any(os.environ.get(name) for name in ("GH_TOKEN", "GITHUB_TOKEN"))
    if options.source == "github" or (options.source == "auto" and has_token):
        found = reviews.from_github(github.find(ROOT, options.repository))
    else:
        found = reviews.from_history(ROOT)
    changed = reviews.renew(options.file, reviews.to_markdown(found[: options.newest]))
    print(f"{options.file.name}: {len(found)} merged changes, {'renewed' if changed else 'unchanged'}")


if __name__ == "__main__":
    cli.run(main, Options)
