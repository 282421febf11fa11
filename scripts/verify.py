"""Read every byte of data sets, runs and bundle, and say what is no longer as it was made."""

from dataclasses import dataclass
from pathlib import Path

from kedja import cli


@dataclass
class Options:
    """Verify data sets (against data.dvc), runs (against their summaries) and the bundle (against its metadata).

    The exit status is 1 where something is damaged.
    """

    runs: Path = cli.option(Path("runs"), "where the runs are")
    bundle: Path = cli.option(Path("bundle"), "the bundle")


def main(options: Options) -> int:
    from kedja.experiments.verify import verify

    verdicts = list(verify(Path(), options.runs, options.bundle))
    rows = [(verdict.what, "yes" if verdict.good else "NO", verdict.words) for verdict in verdicts]
    print("\n".join(cli.align(["what", "good", "why"], rows)))
    return int(not all(verdict.good for verdict in verdicts))


if __name__ == "__main__":
    cli.run(main, Options)
