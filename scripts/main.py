"""The whole chain, top to bottom: from a source of images to one checked prediction of a running service."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kedja import cli
from kedja.bundle.metadata import load
from kedja.common.errors import KedjaError
from kedja.common.files import read_json
from kedja.common.options import DATA_SET_TOO, spellings
from kedja.data.__main__ import Options as DataOptions
from kedja.data.names import data_set_name
from kedja.delivery import service, smoke
from kedja.experiments.__main__ import Options as ExperimentOptions
from kedja.experiments.__main__ import read
from kedja.training.config.compose import compose, settled

BUNDLE = Path("bundle")
REPORTS = Path("reports")
MINUTES = 20  # for experiments on one's own images, where nothing else is said


@dataclass
class Options(DataOptions):
    """Data, audit, experiments, report, export, service, one checked prediction; then what was found.

    just main                                   the digits
    just main source=photos/                    your own images: a folder with one sub-folder per class,
                                                or anything else that `just data` takes
    just main source=photos/ minutes=60         how long to experiment; 20 for your own images, 0 for all there is
    just main source=photos/ epochs=5 seeds=0   any other key goes to `just experiments`
    """


def main(arguments: list[str]) -> None:
    """One link after the other; each ends the chain where it fails."""
    started = time.perf_counter()
    of_data, of_experiments = split(arguments)
    of_data = cli.settled(Options, of_data)
    of_experiments = settled(cli.settled(ExperimentOptions, of_experiments))
    options = cli.parse(Options, of_data)
    name = data_set_name(options.data, options.source)
    jobs = [f"jobs={options.jobs}"] if options.jobs else []
    of_experiments += [f"data={name}", *jobs]
    if name != "digits" and not any(one.startswith("minutes=") for one in of_experiments):
        of_experiments.append(f"minutes={MINUTES}")
    # A slip of the keys is said now, not when the data is made.
    compose(read(of_experiments)[1].overrides)

    headline("data")
    given = [one for one in of_data if one.partition("=")[0] not in ("data", *DATA_SET_TOO)]
    cli.call("kedja.data", f"data={name}", *given)

    headline("audit")
    sound = passes("kedja.data.audit", f"data={name}")

    headline("experiments")
    if f"minutes={MINUTES}" in of_experiments:
        print(f"for about {MINUTES} minutes; minutes=0 runs everything", flush=True)
    cli.call("kedja.experiments", *of_experiments)

    headline("report")
    cli.call("kedja.experiments.report", f"data={name}", "table=false")

    headline("export")
    cli.call("kedja.export", f"data={name}", f"bundle={BUNDLE}")

    headline("service")
    with service.running(BUNDLE) as (address, seconds):
        print(f"ready after {seconds:.1f} s")
        check_prediction(address)
        print(f"golden examples: largest difference of a probability {smoke.ask_golden(address, BUNDLE):.1e}")
    print("stopped cleanly")

    headline("found")
    print("\n".join(findings(name, sound, read_json(REPORTS / "selection.json"), time.perf_counter() - started)))


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Keys of the data, and those of the experiments."""
    known = spellings(fields(Options))
    own = [one for one in arguments if "=" not in one or one.partition("=")[0] in known]
    return own, [one for one in arguments if one not in own]


def passes(module: str, *arguments: str) -> bool:
    """`cli.call`; whether it ended well."""
    try:
        cli.call(module, *arguments)
    except KedjaError:
        return False
    return True


def headline(link: str) -> None:
    """A line across the terminal before each link."""
    print(f"\n── {link} " + "─" * (60 - len(link)), flush=True)


def check_prediction(address: str) -> None:
    """Post one real image and hold the answer against what the trained model said of it."""
    metadata = load(BUNDLE)
    golden = metadata.golden[0]
    expected = metadata.classes[golden.probabilities.index(max(golden.probabilities))]
    truth = metadata.classes[golden.label]
    said = smoke.predict(address, BUNDLE / golden.file)["predicted_class"]
    print(f"POST /predict {golden.file} → {said!r} (the trained model says {expected!r}; the label is {truth!r})")
    if said != expected:
        raise KedjaError(
            f"the service says {said!r}, the trained model {expected!r}", "export again with `just export`"
        )


def findings(name: str, sound: bool, selection: dict[str, Any], seconds: float) -> list[str]:
    """What was found, where it lies, and what to type next; at most 80 columns."""
    test, metadata = selection["test"], load(BUNDLE)
    if test:
        accuracy = test["accuracy"]
        figure = f"{accuracy['value']:.1%} of {test['images']:,} test images right"
        figure += f" ({accuracy['low']:.1%} to {accuracy['high']:.1%})"
    else:
        figure = f"{selection['validation']['accuracy']:.1%} of the validation images right; there is no test split"
    doubts = [] if sound else [f"  but     the audit doubts the data: {REPORTS}/audit-{name}.html"]
    # What is shown can be typed.
    on_path = ['  eval "$(sh scripts/just.sh shell)"   puts just on the PATH'] if cli.JUST in os.environ else []
    return [
        f"  model   {selection['experiment']}, the best of those compared on {name}",
        f"  figure  {figure}",
        *doubts,
        f"  why     {REPORTS}/report.html",
        f"  served  {metadata.name} {metadata.version}, from {BUNDLE}/",
        f"  took    {seconds:.0f} s",
        "",
        "next:",
        *on_path,
        "  just serve                       its page in a browser",
        "  just predict table=new.csv       without a server: predictions beside the rows"
        if metadata.input.header()
        else "  just predict image=photo.jpg     without a server; a folder works too",
        f"  just runs data={name}".ljust(35) + "what was trained, and how well",
        "  just docker-run                  in a container",
    ]


if __name__ == "__main__":
    cli.run_guarded(main)
