"""Turn a finished run into a verified bundle."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kedja import cli


@dataclass
class Options:
    """Export a run to a bundle: ONNX, TorchScript (not of baselines), metadata, golden examples, model card.

    The exported files must answer as the trained model does, or no bundle is written.
    """

    run: Path | None = cli.option(None, "the run to export, runs/<experiment>-<hash>/seed<k>; the best one by default")
    data: str | None = cli.data_set(None, "the data set; of several, the one used last")
    name: str = cli.option("", "what the model is called (default: <data set>-<experiment>)")
    bundle: Path = cli.option(Path("bundle"), "where the bundle goes")
    runs: Path = cli.option(Path("runs"), "where the runs are")
    int8: bool = cli.option(False, "also write an int8 variant, calibrated on training images, and measure it")
    false_alarms: float = cli.option(0.05, "share of examples like those of the training that may be called unknown")
    against: list[str] = cli.option([], "prepared data sets of other things, to measure how well unknowns are told")
    force: bool = cli.option(False, "export even if the bundle is already that of the run")


def main(options: Options) -> None:
    """Export, unless the bundle is there already."""
    started = time.perf_counter()
    run = options.run or best_run(options.runs, options.data)
    # Imported late: an unchanged bundle is recognised without PyTorch.
    from kedja.export.source import Wanted, is_exported

    wanted = Wanted(options.false_alarms, options.against)
    present = is_exported(run, options.bundle, ["int8"] if options.int8 else [], options.name, wanted)
    if present and not options.force:
        print(f"{options.bundle}/ is already the bundle of {run} (force=true exports it again)")
        return
    from kedja.export.bundle import export

    print(f"exporting {run}")
    metadata = export(
        run,
        options.bundle,
        say=lambda line: print(f"  {line}", flush=True),
        int8=options.int8,
        name=options.name,
        wanted=wanted,
    )
    for name, metric in metadata.metrics.items():
        print(
            f"  {name.replace('_', ' ')} {metric['value']:.4f} (95 % interval {metric['low']:.4f}–{metric['high']:.4f})"
        )
    seconds = time.perf_counter() - started
    print(f"{options.bundle}/ holds {metadata.name} version {metadata.version} ({seconds:.1f} s)")
    cli.next_step("just serve", "or without a server: just predict image=…")


def best_run(runs: Path, data: str | None) -> Path:
    """The selected run; experiments are run first where there is none."""
    from kedja.experiments.analysis.select import best_run as select
    from kedja.runs.read import chosen_data, find_runs, remember

    if not find_runs(runs):
        print(f"no finished run under {runs}/: running the experiments first", file=sys.stderr)
        cli.call("kedja.experiments", *([] if data is None else [f"data={data}"]))
    remember(runs, data)
    return select(runs, chosen_data(runs, data, print))


def run() -> None:
    """`main` as a command of its own."""
    cli.run(main, Options)


if __name__ == "__main__":
    run()
