"""Did the last changes make anything slower? This commit beside an earlier one: one machine, one run, alternating.

Both sides are checked out beside each other and run under the same environment. What is compared is the processor
time of each case (it hardly depends on what else a machine does) and, for the start of the service, the time until
it is ready. An alarm is a median ratio above `limit` with every single round on the slow side.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kedja import cli
from kedja.common import files
from kedja.common.errors import KedjaError

ROOT = Path(__file__).resolve().parents[1]
CASES = {
    "preprocess": "CPU ms to decode and resize a 640×480 JPEG",
    "import": "CPU ms until the service's code is loaded",
    "start": "ms from starting the service until it is ready",
    "serve": "CPU ms of the service for one request",
    "train": "CPU ms to train the debug experiment",
}


@dataclass
class Options:
    """just bench-check: compare the speed of this commit with an earlier one, and fail where it fell."""

    reference: str = cli.option(
        "", "the earlier commit (the last one of yesterday, else the one before)", metavar="commit"
    )
    cases: list[str] = cli.option(list(CASES), "what is measured", metavar="case,…")
    rounds: int = cli.option(7, "how often each side takes its turn")
    limit: float = cli.option(1.2, "ratio of new to old that is an alarm, where every round agrees")


def main(options: Options) -> int:
    """Measure, print, write reports/regression.json; status 1 on an alarm."""
    unknown = sorted(set(options.cases) - set(CASES))
    if unknown:
        raise KedjaError(f"there is no case {', '.join(unknown)}", f"one of {', '.join(CASES)}")
    reference = options.reference or earlier_commit()
    with tempfile.TemporaryDirectory(prefix="kedja-bench-") as folder:
        trees = {side: checkout(Path(folder) / side, commit) for side, commit in (("new", "HEAD"), ("old", reference))}
        results = {case: measure(case, trees, options.rounds) for case in options.cases}
    alarms = [case for case, result in results.items() if is_slower(result["ratios"], options.limit)]
    print(
        f"HEAD beside {git('log', '-1', '--format=%h %s', reference)} on {platform.platform()}, {os.cpu_count()} cores"
    )
    header = ["case", "new", "old", "new ÷ old", "in each round", "what"]
    print("\n".join(cli.align(header, [row(case, result) for case, result in results.items()])))
    files.write_json(ROOT / "reports" / "regression.json", {"reference": reference, "cases": results, "alarms": alarms})
    for case in alarms:
        print(f"alarm: {case} became slower: {CASES[case]}", file=sys.stderr)
    return 1 if alarms else 0


def earlier_commit() -> str:
    """The newest commit that is a day old, else the first parent."""
    return git("rev-list", "-1", "--before=24 hours ago", "HEAD") or git("rev-parse", "HEAD~1")


def git(*arguments: str) -> str:
    """Git's answer, or its complaint as an error."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KedjaError(f"git {arguments[0]}: {done.stderr.strip()}", "a shallow clone lacks the earlier commit")
    return done.stdout.strip()


def checkout(folder: Path, commit: str) -> Path:
    """A commit's files in a folder of their own, without touching this clone's work tree."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        raise KedjaError(f"there is no commit {commit}", "reference=<commit>; a shallow clone lacks earlier ones")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


def measure(case: str, trees: dict[str, Path], rounds: int) -> dict[str, list[float]]:
    """Every round's figure of both sides, and their ratios; a first round warms caches and does not count."""
    figures: dict[str, list[float]] = {side: [] for side in trees}
    for number in range(-1, rounds):
        for side in sorted(trees, reverse=number % 2 == 0):
            figure = run_probe(case, trees[side], number)
            if number >= 0:
                figures[side].append(figure)
    ratios = [new / old for new, old in zip(figures["new"], figures["old"], strict=True)]
    return {**figures, "ratios": ratios}


def run_probe(case: str, tree: Path, number: int) -> float:
    """The figure of one case in one tree, milliseconds."""
    probe = Path(__file__).with_name("regression_probe.py")
    # The tree's sources come before the installed (editable) ones; each side serves a bundle of its own making.
    path = os.pathsep.join([str(tree / "src"), str(tree / "tests")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(probe), case, str(number + 1)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KedjaError(f"{case} does not run in {tree.name}: {(done.stderr.strip() or done.stdout).splitlines()[-1]}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def is_slower(ratios: list[float], limit: float) -> bool:
    """Whether the median is beyond the limit and no round says otherwise."""
    return median(ratios) > limit and min(ratios) > 1


def row(case: str, result: dict[str, list[float]]) -> list[str]:
    """One line of the table."""
    ratios = result["ratios"]
    spread = f"{min(ratios):.2f} … {max(ratios):.2f}"
    return [
        case,
        f"{median(result['new']):.2f}",
        f"{median(result['old']):.2f}",
        f"{median(ratios):.2f}",
        spread,
        CASES[case],
    ]


if __name__ == "__main__":
    cli.run(main, Options)
