"""Profile a training step, time and memory: `just profile experiment=resnet9 steps=20`."""

from pathlib import Path

from kedja import cli
from kedja.data.versions.ensure import ensure
from kedja.training.config.compose import compose, settled

TRACE = Path("reports/profile/trace.json")


def main(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(f"{__doc__}\n\nsteps=int (20) steps are profiled; every other key is one of `just train --help`.")
        return
    own = [argument for argument in arguments if argument.startswith("steps=")]
    steps = int(cli.convert("steps", own[-1].partition("=")[2], int)) if own else 20
    config = compose(settled([argument for argument in arguments if argument not in own]))
    ensure(config.data.name)
    from kedja.training.checks.profiling import profile_training

    result = profile_training(config, steps, TRACE)
    print(result.table)
    for what, size in result.memory.items():
        print(f"{what:<24} {size / 2**20:10.2f} MiB")
    print(f"{result.seconds_per_step * 1000:.1f} ms a step; trace: {TRACE} (open it in ui.perfetto.dev)")


if __name__ == "__main__":
    cli.run_guarded(main)
