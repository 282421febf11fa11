"""A source of labelled examples → a prepared data set, bit-identical on every machine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.common.outside import one_line
from kedja.common.progress import Progress, say
from kedja.common.refusals import naming
from kedja.data.kinds.kind import Chunk, Content, Kind, Result
from kedja.data.kinds.registry import kind_type
from kedja.data.preparation import allot
from kedja.data.preparation.contents import Contents
from kedja.data.preparation.pool import map_chunks
from kedja.data.preparation.workspace import READ, Workspace
from kedja.data.preparation.writer import write_dataset
from kedja.data.settings import Settings
from kedja.data.sources.ignored import say_of
from kedja.data.sources.source import Source

# Examples that are looked at before the settings that were left open are chosen.
SAMPLED = 500
CHUNK_IMAGES = 128
CHUNK_BYTES = 16 * 2**20
# Below this the start of worker processes takes longer than they save.
POOL_FROM = 400
SHOWN = 10


def prepare(source: Source, folder: Path, settings: Settings) -> None:
    """Make `folder` anew from `source`; what stood there before is replaced only by a finished one.

    An interrupted preparation is continued: its state lies beside the folder, in `.<name>.work`.

    Raises:
        KedjaError: the source, an image (with ``on_error=fail``) or the settings are not right.
    """
    kind_of_data = kind_type(source.kind)
    path = folder.parent / f".{folder.name}.work"
    with naming(path):
        workspace = Workspace(path, _fingerprint(source, settings, list(kind_of_data.columns)), kind_of_data.columns)
        _prepare(source, folder, settings, workspace)
    say_of(source)
    workspace.remove()


def _prepare(source: Source, folder: Path, settings: Settings, workspace: Workspace) -> None:
    kind_of_data = kind_type(source.kind)
    try:
        kind, contents = kind_of_data(source, settings, workspace), Contents(source, workspace)
        count = workspace.list_items(contents.items)
        kind.choose(count, contents.some(max(1, count // SAMPLED)))
        _decode(kind, contents, count)
        workspace.readmit()
        _judge_failures(workspace, settings, kind.input.nouns)
        classes = allot.number_classes(workspace, source.classes, kind.input.nouns)
        allot.allot(kind)
        write_dataset(kind, folder, classes)
    except BaseException:
        workspace.close()
        raise


def _fingerprint(source: Source, settings: Settings, columns: list[str]) -> str:
    """What must be the same for pixels that were decoded before to be used."""
    relevant = {key: value for key, value in settings.differences().items() if key not in ("jobs", "on_error")}
    return json.dumps([source.title, relevant, columns], sort_keys=True)


def _decode(kind: Kind, contents: Contents, count: int) -> None:
    """Read every example that was not read before."""
    workspace, settings = kind.workspace, kind.settings
    decode = kind.decoder(count)
    left = int(workspace.pending().sum())
    if not left:
        return
    if left < count:
        say(f"continuing: {count - left:,} of {count:,} were read before")
    chunks = _chunks(contents.pending())
    jobs = (settings.jobs or available()) if left >= POOL_FROM else 1
    with Progress("preparing", count, kind.input.nouns, done=count - left) as progress:
        for results in _results(kind, decode, chunks, jobs):
            workspace.record(results)
            progress.advance(len(results))


def _results(
    kind: Kind, decode: Callable[[Chunk], list[Result]], chunks: Iterator[Chunk], jobs: int
) -> Iterator[list[Result]]:
    if jobs == 1:
        return map(decode, chunks)
    return map_chunks(_apply, decode, chunks, jobs, lambda item: kind.crashed(*item))


def _apply(decode: Callable[[Chunk], list[Result]], chunk: Chunk) -> list[Result]:
    return decode(chunk)


def _chunks(items: Iterator[tuple[int, Content]]) -> Iterator[list[tuple[int, Content]]]:
    """Chunks bounded in number and, for arrays that travel to the workers, in bytes."""
    chunk: list[tuple[int, Content]] = []
    size = 0
    for position, content in items:
        chunk.append((position, content))
        size += content.nbytes if isinstance(content, np.ndarray) else 0
        if len(chunk) >= CHUNK_IMAGES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _judge_failures(workspace: Workspace, settings: Settings, nouns: str) -> None:
    failed = workspace.total("count(*)", f"code <> '{READ}'")
    if not failed:
        return
    rows = list(workspace.rows("id, reason", f"code <> '{READ}'"))
    lines = [f"  {one_line(name)}: {reason}" for name, reason in rows[:SHOWN]]
    if failed > SHOWN:
        lines.append(f"  … and {failed - SHOWN} more")
    listing = "\n".join(lines)
    if failed == workspace.total("count(*)"):
        raise KedjaError(f"none of the {failed} {nouns} can be read:\n{listing}")
    if settings.on_error == "fail":
        # Forget the failures, so that the next run looks at the repaired files again.
        workspace.forget_failures()
        raise KedjaError(
            f"{failed} of {workspace.total('count(*)')} {nouns} cannot be read:\n{listing}",
            "repair or remove them and run the same command again (what was read is kept), or pass on_error=skip",
        )
    say(f"left out {failed} {nouns} that cannot be read (listed in rejected.csv):\n{listing}")
