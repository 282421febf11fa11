"""Put just, uv and the installed programs on a shell's PATH: eval "$(sh scripts/just.sh shell)"."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # it may run before anything is installed

from kedja import cli  # noqa: E402


@dataclass
class Options:
    """Print the line that puts just, uv, python and tensorboard of this clone on a shell's PATH.

    eval "$(sh scripts/just.sh shell)"        for this shell; in its start-up file, for every one
    """


def main(options: Options) -> None:
    """For POSIX shells: bash, zsh, dash."""
    folders = [ROOT / (".venv/Scripts" if sys.platform == "win32" else ".venv/bin"), ROOT / ".tools/bin"]
    # `uv run` would put PyTorch's locked build in the place of the one that suits this machine.
    print(f'export UV_NO_SYNC=1 PATH={":".join(shlex.quote(folder.as_posix()) for folder in folders)}:"$PATH"')


if __name__ == "__main__":
    cli.run(main, Options)
