"""Is everything still as it was made: data sets by their pins, runs by their summaries, the bundle by its metadata?

Every byte is read; times and sizes prove nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kedja.bundle import integrity, metadata
from kedja.common.errors import KedjaError
from kedja.common.files import read_json
from kedja.data.versions.remote import here
from kedja.runs.digests import FILES, damage
from kedja.runs.folder import CHECKPOINT, SUMMARY, is_finished


@dataclass(frozen=True)
class Verdict:
    """Attributes:
    what: a folder.
    good: whether nothing is wrong with it.
    words: ``verified``, or what is wrong, or what could not be judged.
    """

    what: str
    good: bool
    words: str


def verify(root: Path, runs: Path, bundle: Path) -> Iterator[Verdict]:
    """A verdict on each pinned data set that is here, each run, and the bundle where there is one.

    Raises:
        KedjaError: `data.dvc` is damaged.
    """
    for name, words in here(root):
        yield Verdict(f"data/{name}", words in ("verified", "not here"), words)
    folders = {path.parent for name in (SUMMARY, CHECKPOINT) for path in runs.glob(f"*/seed*/{name}")}
    for folder in sorted(folders):
        yield _judged(folder, _run)
    if (bundle / metadata.METADATA).is_file():
        yield _judged(bundle, _bundle)


def _judged(folder: Path, judge: Callable[[Path], str]) -> Verdict:
    try:
        return Verdict(str(folder), good=True, words=judge(folder))
    except KedjaError as error:
        return Verdict(str(folder), good=False, words=error.problem)


def _run(folder: Path) -> str:
    if (folder / CHECKPOINT).is_file():
        # Imported late: torch takes a second, and only unfinished runs and old ones need it.
        from kedja.training.loop.checkpoint import load_checkpoint

        load_checkpoint(folder / CHECKPOINT)
    if not is_finished(folder):
        return "unfinished; its checkpoint is verified"
    if problems := damage(folder):
        raise KedjaError(", ".join(problems))
    return "verified" if read_json(folder / SUMMARY).get(FILES) else "of an earlier release: it recorded no digests"


def _bundle(bundle: Path) -> str:
    integrity.verify_files(bundle, metadata.load(bundle))
    return "verified"
