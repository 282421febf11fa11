"""Resolve the dependencies into a mirror-neutral `uv.lock`."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing need be installed

from kedja import cli  # noqa: E402
from kedja.environment import lock  # noqa: E402


@dataclass
class Options:
    """just lock: resolve pyproject.toml into uv.lock, with no address of any package index in it."""

    upgrade: bool = cli.option(False, "take the newest version of everything")
    packages: list[str] = cli.option([], "take the newest version of these alone", metavar="name,…")
    check: bool = cli.option(
        False, "change nothing; fail where the lock does not fit pyproject.toml or holds an address"
    )


def main(options: Options) -> None:
    """Lock, or check."""
    path = ROOT / "uv.lock"
    before = lock.versions(path) if path.exists() else {}
    if options.check:
        lock.check(ROOT)
        print(f"uv.lock fits pyproject.toml, {len(before)} packages, no addresses")
        return
    arguments = ["--upgrade"] if options.upgrade else []
    arguments += [argument for name in options.packages for argument in ("--upgrade-package", name)]
    lock.lock(ROOT, arguments)
    after = lock.versions(path)
    for name in sorted(before.keys() | after.keys()):
        old, new = (", ".join(sorted(versions.get(name, {"–"}))) for versions in (before, after))
        if old != new:
            print(f"{name}: {old} → {new}")
    print(f"uv.lock: {len(after)} packages")


if __name__ == "__main__":
    cli.run(main, Options)
