"""Everything that a GPU is measured by, in one run of a quarter of an hour: one table, written as it comes.

    python benchmarks/gpu.py [device=cuda seconds=560 steps=probe,loop]      on a machine that has the project
    sh <parts>/1/gpu.sh                                                      on one without a network (gpu_pack.py)

Each step is a process with a time limit of its own; what it finds is appended to `<results>/results.jsonl` line by
line, so that a cut loses nothing, and what is done already is not done again. Quick checks come first. `tiny=true`
goes through all the code with next to no work, on a CPU, too.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_pack import unpack
from kedja import cli

HERE = Path(__file__).resolve().parent
DATA = Path("data/cifar10")
# A step that could not end in fewer seconds is not begun.
LEAST = 15.0


@dataclass(frozen=True)
class Step:
    """Attributes:
    limit: seconds that it may take.
    tests: arguments of pytest, where it is made of tests.
    needs_images: whether it takes CIFAR-10.
    """

    limit: float
    tests: tuple[str, ...] = ()
    needs_images: bool = False


STEPS: dict[str, Step] = {
    "probe": Step(60),
    "tests": Step(150, ("test_features.py", "test_loading.py")),
    "loop": Step(120),
    "peer": Step(100, needs_images=True),
    "race": Step(180, needs_images=True),
    "exact tests": Step(150, ("test_same_bits.py", "test_tools.py", "test_processes.py")),
    "deterministic": Step(60),
    "photographs": Step(60),
    "precisions": Step(120, needs_images=True),
    "serving": Step(90),
}


@dataclass
class Options:
    """The GPU benchmark."""

    results: Path = cli.option(Path("reports/gpu"), "folder of results.jsonl, table.md and the logs")
    device: str = cli.option("cuda", "where to compute", ("cuda", "cpu"))
    seconds: float = cli.option(560.0, "for all steps together; the rest is left for another call")
    steps: list[str] = cli.option([], f"of {', '.join(STEPS)}; all in this order without")
    tiny: bool = cli.option(False, "next to no work in each step: does the code run at all")
    strips: Path = cli.option(Path("strips"), "CIFAR-10 as `gpu_pack.py` packs it, where data/cifar10 has no pixels")


def main(options: Options) -> None:
    deadline = time.monotonic() + options.seconds
    options.results.mkdir(parents=True, exist_ok=True)
    record = options.results / "results.jsonl"
    has_images = DATA.is_dir() and unpack(options.strips, DATA)
    for name in options.steps or STEPS:
        step = STEPS[name]
        if name in _done(record):
            continue
        left = deadline - time.monotonic()
        if step.needs_images and not has_images:
            print(f"## {name}: waits for the parts with data/cifar10", flush=True)
        elif left < LEAST:
            print(f"## {name}: no time left, give the same command again", flush=True)
        else:
            print(f"## {name}", flush=True)
            _run(name, step, options, record, min(step.limit * (10 if options.tiny else 1), left))
            _write_table(record, options.results / "table.md")
    print("\n" + _write_table(record, options.results / "table.md"))


def _run(name: str, step: Step, options: Options, record: Path, limit: float) -> None:
    """The step in a process group of its own, whose lines go to the log and whose findings go to the record."""
    log = options.results / f"{name.replace(' ', '-')}.log"
    started = time.monotonic()
    paths = [str(HERE / "training_peers"), str(HERE), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"KEDJA_TEST_DEVICE": options.device, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            _command(name, step, options),
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = [json.loads(line.removeprefix("@ ")) for line in lines if line.startswith("@ ")]
    if step.tests:
        found = [{"what": "tests", "value": lines[-1].strip("= ") if lines else "nothing"}]
        found += [{"what": "failed", "value": line[:200]} for line in lines if line.startswith(("FAILED", "ERROR"))][
            :10
        ]
    state = {0: "done", -signal.SIGKILL: f"cut off after {limit:.0f} s"}.get(code, f"failed with {code}")
    if code and not step.tests:
        found.append({"what": "last words", "value": " | ".join(lines[-3:])[-300:]})
    with record.open("a", encoding="utf-8") as file:
        for row in [*found, {"what": "step", "value": state, "seconds": round(time.monotonic() - started, 1)}]:
            file.write(json.dumps({"step": name} | row) + "\n")
            print("  ", " ".join(f"{key}={value}" for key, value in row.items())[:200], flush=True)


def _command(name: str, step: Step, options: Options) -> list[str]:
    if not step.tests:
        arguments = [f"device={options.device}", f"tiny={str(options.tiny).lower()}"]
        return [sys.executable, str(HERE / "gpu_steps.py"), name, *arguments]
    folder = HERE.parent / "tests"
    files = [str(folder / "gpu" / test) for test in step.tests]
    few = ["-k", "special or near or agrees or ways"] if options.tiny else []
    # Warnings of another PyTorch are no faults of these tests; the settings are not those of a checkout.
    settings = ["-o", "addopts=--import-mode=importlib", "-o", "filterwarnings=", "-o", f"pythonpath={folder}"]
    workers = [] if options.tiny or options.device == "cpu" else ["-n", "6", "--dist", "worksteal"]
    return [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *settings,
        *workers,
        *few,
        "-c",
        str(HERE.parent / "pyproject.toml"),
        *files,
    ]


def _done(record: Path) -> set[str]:
    return {row["step"] for row in _rows(record) if row["what"] == "step" and row["value"] == "done"}


def _rows(record: Path) -> list[dict[str, Any]]:
    if not record.is_file():
        return []
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines() if line.startswith("{")]


def _write_table(record: Path, path: Path) -> str:
    """Every finding of every step's last try."""
    lines = ["| step | what | value | more |", "| :-- | :-- | --: | :-- |"]
    for row in _rows(record):
        more = ", ".join(f"{key} {value}" for key, value in row.items() if key not in ("step", "what", "value"))
        lines.append(f"| {row['step']} | {row['what']} | {row['value']} | {more} |")
    text = "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    cli.run(main, Options)
