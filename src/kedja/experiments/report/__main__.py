"""Compare the finished runs: table, pictures and analysis in reports/ and in the README."""

import sys
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.experiments.report.build import Places, build, missing_markers
from kedja.experiments.report.text import terminal_table
from kedja.runs.read import runs_on_other_data


@dataclass
class Options:
    """Compare the finished runs; renew the table, pictures and analysis in the README between its markers."""

    data: str | None = cli.option(None, "the data set, where runs/ holds runs on several", metavar="name")
    runs: Path = cli.option(Path("runs"), "where the runs are")
    reports: Path = cli.option(Path("reports"), "where the documents go")
    table: bool = cli.option(True, "print the table (it is in the documents in any case)")
    watch: bool = cli.option(False, "renew reports/report.html while runs go on, until Ctrl-C; reads no test split")
    readme: Path = cli.option(Path("README.md"), "the document with the two result markers")


def main(options: Options) -> None:
    if options.watch:
        from kedja.experiments.report.watch import watch

        watch(options.runs, options.reports / "report.html", options.data, print)
    report = build(Places(runs=options.runs, reports=options.reports, readme=options.readme), options.data)
    if options.table:
        print(terminal_table(options.runs, options.data) + "\n")
    warn_of_other_data(options)
    print("\n".join(f"- {sentence}" for sentence in report.analysis).replace("**", ""))
    print(f"\nwritten: {options.reports}/report.md" + (f", {options.readme}" if report.readme_renewed else ""))
    if not report.readme_renewed:
        print(missing_markers(options.readme))


def warn_of_other_data(options: Options) -> None:
    """Runs that saw the data set in another form cannot be compared; they are named, not hidden."""
    others = runs_on_other_data(options.runs, options.data)
    if others:
        names = ", ".join(run.directory.as_posix() for run in others[:3]) + (", …" if len(others) > 3 else "")
        print(
            f"warning: {len(others)} runs saw the data set in an earlier form and are not compared: {names}\n"
            "  → `just experiments` runs them again on the data as it is now\n",
            file=sys.stderr,
        )


def run() -> None:
    """`main` as a command of its own."""
    cli.run(main, Options)


if __name__ == "__main__":
    run()
