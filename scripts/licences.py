"""List the licences of the dependencies, and check those of the serving image: `just licences`."""

from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.common import files
from kedja.common.errors import KedjaError
from kedja.delivery import licences
from kedja.environment import lock

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Options:
    """just licences: write reports/licences.md; fail where the serving image would hold more than permissive ones."""

    output: Path = cli.option(ROOT / "reports" / "licences.md", "where the list is written", metavar="path")


def main(options: Options) -> None:
    """One table of everything; the check is on the group `serve` alone."""
    serving = {lock.name_of(line) for line in lock.requirements(ROOT, ["serve"])}
    everything = {lock.name_of(line) for line in lock.requirements(ROOT, lock.groups(ROOT))}
    found = licences.of(everything)
    rows = [
        f"| {x.package} | {x.version} | {x.licence or '?'} | {'yes' if x.package in serving else ''} |" for x in found
    ]
    table = ["| package | version | licence | in the serving image |", "|---|---|---|---|", *rows]
    files.write_text(options.output, "\n".join(["# Licences", "", *table]) + "\n")
    affero = [x.package for x in found if x.network_copyleft]
    if affero:
        raise KedjaError(f"network copyleft, which no dependency may have: {', '.join(affero)}", "use another package")
    served = [x for x in found if x.package in serving]
    refused = [x for x in served if not x.permissive]
    if refused:
        names = ", ".join(f"{x.package} ({x.licence or 'says nothing'})" for x in refused)
        raise KedjaError(
            f"the serving image would hold licences that are not permissive: {names}", "use another package"
        )
    print(f"{len(served)} packages of the serving image, all under permissive licences")
    print(f"{len(found)} packages in all: {options.output}")


if __name__ == "__main__":
    cli.run(main, Options)
