"""The whole chain, top to bottom: from no data to one checked prediction of a running service."""

import time
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.bundle.metadata import load
from kedja.common.errors import KedjaError
from kedja.delivery import service, smoke

BUNDLE = Path("bundle")


@dataclass
class Options:
    """Run the whole chain: data, experiments, report, export, service, one checked prediction."""

    data: str = cli.option("digits", "the prepared data set", metavar="name")
    jobs: int | None = cli.option(None, "runs side by side; from the cores by default")


def main(options: Options) -> None:
    """One link after the other; each ends the chain where it fails."""
    started = time.perf_counter()

    headline("data")
    cli.call("kedja.data", f"name={options.data}")

    headline("experiments")
    jobs = [] if options.jobs is None else [f"jobs={options.jobs}"]
    cli.call("kedja.experiments", f"data.name={options.data}", *jobs)

    headline("report")
    cli.call("kedja.experiments.report", f"data={options.data}", "table=false")

    headline("export")
    cli.call("kedja.export", f"data={options.data}", f"bundle={BUNDLE}")

    headline("service")
    with service.running(BUNDLE) as (address, seconds):
        print(f"ready after {seconds:.1f} s")
        check_prediction(address)
        print(f"golden examples: largest difference of a probability {smoke.ask_golden(address, BUNDLE):.1e}")
    print("stopped cleanly")

    metadata = load(BUNDLE)
    print(f"\nThe chain holds: {metadata.name} {metadata.version} serves what was trained", end=" ")
    print(f"({time.perf_counter() - started:.0f} s). Next: `just serve`, `just docker-run`.")


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


if __name__ == "__main__":
    cli.run(main, Options)
