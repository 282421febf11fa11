"""Install the locked environment for this machine's hardware into `.venv`."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing is installed yet

from kedja import cli  # noqa: E402
from kedja.common.locks import locked  # noqa: E402
from kedja.environment import sync  # noqa: E402


@dataclass
class Options:
    """just env: install the locked environment for this hardware. What is left out stays as it was last time."""

    groups: list[str] | None = cli.option(
        None, "dependency groups: dev (at first), train, serve, track, ray", metavar="name,…"
    )
    torch: str | None = cli.option(None, "PyTorch's build: auto (at first), locked, cpu, cu126, cu130, rocm6.4, …")
    quiet: bool = cli.option(False, "say nothing when everything is in place")


def say(what: str, text: str) -> None:
    """One aligned line, before the work it announces."""
    print(f"{what:<10} {text}", file=sys.stderr, flush=True)


def main(options: Options) -> None:
    """Check the stamp; install where it does not fit."""
    stamp, done = sync.current(ROOT, options.groups, options.torch)
    if not done:
        with locked(ROOT / ".tools" / "env.lock"):
            # Another recipe may have installed it while this one waited.
            stamp, done = sync.current(ROOT, options.groups, options.torch)
            stamp = stamp if done else sync.install(ROOT, stamp, say)
    if not (done and options.quiet):
        state = "up to date" if done else "ready"
        build = f", PyTorch build {stamp.build}" if "torch" in stamp.versions else ""
        say("env", f"{state}: {len(stamp.versions)} packages, groups {', '.join(stamp.groups)}{build}")
    if not options.quiet:
        say("next", 'eval "$(sh scripts/just.sh shell)"   # puts just, uv and tensorboard on the PATH; then: just main')


if __name__ == "__main__":
    cli.run(main, Options)
