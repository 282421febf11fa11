"""SHA-256 of the files that a finished run consists of: recorded in its summary, and compared with it later."""

from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import read_json, sha256
from kedja.runs.folder import CONFIG, DIAGNOSIS, METRICS, PROVENANCE, SUMMARY, VALIDATION

FILES = "files"
_RECORDED = {CONFIG, PROVENANCE, METRICS, DIAGNOSIS, VALIDATION}
# Of files that hold what was learnt, whichever framework wrote them.
_LEARNT = (".safetensors", ".skops", ".onnx")


def digests(directory: Path) -> dict[str, str]:
    """Name → SHA-256 of the files that make up the run. For the summary, which is written last."""
    files = (file for file in sorted(directory.iterdir()) if file.name in _RECORDED or file.suffix in _LEARNT)
    return {file.name: sha256(file) for file in files if file.is_file()}


def damage(directory: Path) -> list[str]:
    """What is no longer as the summary recorded it, in words; empty where all is as it was.

    Runs from before there were digests record none: nothing can be said of them.

    Raises:
        KedjaError: the run is unfinished, or its summary cannot be read.
    """
    recorded: Any = read_json(directory / SUMMARY).get(FILES, {})
    if not isinstance(recorded, dict) or any("/" in name or "\\" in name for name in recorded):
        return [f"{SUMMARY} is damaged"]
    problems = [f"{name} is missing" for name in recorded if not (directory / name).is_file()]
    present = [name for name in recorded if (directory / name).is_file()]
    return problems + [f"{name} has changed" for name in present if sha256(directory / name) != recorded[name]]


def require_whole(directory: Path) -> None:
    """Refuse a run whose files are not those that it was finished with.

    Raises:
        KedjaError: names the files.
    """
    if problems := damage(directory):
        raise KedjaError(f"{directory} is damaged: {', '.join(problems)}", "remove the run's folder and run it again")
