"""Apply the main branch's rules to GitHub, or compare: `just protect`, `just protect-check`."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing need be installed

from kedja import cli  # noqa: E402
from kedja.common.errors import KedjaError  # noqa: E402
from kedja.delivery import github, protection  # noqa: E402


@dataclass
class Options:
    """just protect: make GitHub enforce .github/rulesets/main.json. Needs GH_TOKEN with Administration rights."""

    repository: str | None = cli.option(None, "the repository (this clone's origin)", metavar="owner/name")
    file: Path = cli.option(ROOT / protection.RULESET, "the rules", metavar="path")
    check: bool = cli.option(False, "change nothing; fail where GitHub enforces something else")


def main(options: Options) -> None:
    """Apply or compare."""
    repository = github.find(ROOT, options.repository)
    ruleset = protection.load(options.file)
    if options.check:
        found = protection.check(repository, ruleset)
        if found:
            raise KedjaError("GitHub enforces other rules than the file:\n  " + "\n  ".join(found), "just protect")
        print(f"{repository.name}: GitHub enforces what {options.file.name} says")
    else:
        print(f"{repository.name}: ruleset {ruleset['name']} {protection.apply(repository, ruleset)}")


if __name__ == "__main__":
    cli.run(main, Options)
