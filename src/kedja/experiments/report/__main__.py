"""Compare the finished runs: table, pictures and analysis in reports/."""

import sys
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.common.progress import say
from kedja.experiments.report.build import Places, build
from kedja.experiments.report.text import terminal_table, tries_text
from kedja.runs.read import chosen_data, remember, runs_on_other_data


@dataclass
class Options:
    """Compare the finished runs; table, pictures and analysis go to reports/, and nowhere else unless readme=true."""

    data: str | None = cli.data_set(None, "the data set; of several, the one used last")
    runs: Path = cli.option(Path("runs"), "where the runs are")
    reports: Path = cli.option(Path("reports"), "where the documents go")
    table: bool = cli.option(True, "print the table (it is in the documents in any case)")
    watch: bool = cli.option(False, "renew reports/report.html while runs go on, until Ctrl-C; reads no test split")
    readme: bool = cli.option(False, "renew README.md between its two result markers too, and docs/images/")


def main(options: Options) -> None:
    remember(options.runs, options.data)
    options.data = chosen_data(options.runs, options.data, print)
    if options.watch:
        from kedja.experiments.report.watch import watch

        watch(options.runs, options.reports / "report.html", options.data, print)
    say("comparing the runs, and looking at the best one: test split, disturbed images, time an image …")
    readme = Path("README.md") if options.readme else None
    report = build(Places(runs=options.runs, reports=options.reports, readme=readme), options.data)
    if options.table:
        print(terminal_table(options.runs, options.data) + "\n")
    if tried := tries_text(options.runs, options.data):
        print(tried + "\n")
    warn_of_other_data(options)
    print("\n".join(f"- {sentence}" for sentence in report.analysis).replace("**", ""))
    print(f"\nwritten: {options.reports}/report.html, report.md" + (", README.md" if options.readme else ""))
    cli.next_step(f"just export data={options.data}", f"the page to look at is {options.reports}/report.html")


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
