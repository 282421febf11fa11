"""A source of labelled images → a prepared data set, bit-identical on every machine."""

import json
from collections.abc import Iterator
from itertools import compress, islice
from pathlib import Path

import numpy as np

from kedja.bundle.image_spec import ImageSpec
from kedja.common.cpus import available
from kedja.common.errors import KedjaError
from kedja.common.progress import Progress, say
from kedja.data.kinds.image.choose import choose_spec, choose_storage
from kedja.data.kinds.image.decode import Content, Plan, Result, crash, decode_chunk
from kedja.data.kinds.image.perceptual import CELLS
from kedja.data.preparation import allot
from kedja.data.preparation.npy import create_npy
from kedja.data.preparation.pool import map_chunks
from kedja.data.preparation.workspace import READ, Workspace
from kedja.data.preparation.writer import write_dataset
from kedja.data.settings import Settings
from kedja.data.sources.ignored import say_of
from kedja.data.sources.source import Source

# Images that are looked at before sizes and channels are chosen.
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
    workspace = Workspace(folder.parent / f".{folder.name}.work", _fingerprint(source, settings))
    try:
        count = workspace.list_items(source.items)
        spec = choose_spec(source, settings, _sample(source, workspace, count))
        storage = choose_storage(settings, spec, count, encoded=source.tree is not None)
        _decode(source, workspace, spec, settings, count, keep_pixels=storage == "arrays")
        workspace.readmit()
        _judge_failures(workspace, settings)
        classes = allot.number_classes(workspace, source.classes)
        allot.allot(workspace, settings, spec)
        write_dataset(workspace, folder, source, settings=settings, spec=spec, storage=storage, classes=classes)
    except BaseException:
        workspace.close()
        raise
    say_of(source)
    workspace.remove()


def _fingerprint(source: Source, settings: Settings) -> str:
    """What must be the same for pixels that were decoded before to be used."""
    relevant = {key: value for key, value in settings.differences().items() if key not in ("jobs", "on_error")}
    return json.dumps([source.title, relevant], sort_keys=True)


def _sample(source: Source, workspace: Workspace, count: int) -> Iterator[Content]:
    """Evenly spread images."""
    step = max(1, count // SAMPLED)
    if source.tree is None:
        yield from (item.content for item in islice(source.items(), 0, None, step))
    else:
        for (name,) in workspace.rows("id", f"position % {step} = 0"):
            yield source.tree.file(name)


def _decode(
    source: Source, workspace: Workspace, spec: ImageSpec, settings: Settings, count: int, *, keep_pixels: bool
) -> None:
    """Read every image that was not read before."""
    if keep_pixels and not workspace.pixels.exists():
        workspace.forget_all()
    pending = workspace.pending()
    left = int(pending.sum())
    if not left:
        return
    if left < count:
        say(f"continuing: {count - left:,} of {count:,} images were read before")
    pixels = create_npy(workspace.pixels, (count, *spec.shape)) if keep_pixels else None
    plan = Plan(spec, pixels, create_npy(workspace.brightness, (count, CELLS)), settings.max_pixels)
    items = compress(((position, item.content) for position, item in enumerate(source.items())), pending)
    jobs = settings.jobs or available()
    with Progress("preparing", count, done=count - left) as progress:
        for results in _results(plan, _chunks(items), jobs if left >= POOL_FROM else 1):
            workspace.record(results)
            progress.advance(len(results))


def _results(plan: Plan, chunks: Iterator[list[tuple[int, Content]]], jobs: int) -> Iterator[list[Result]]:
    if jobs == 1:
        for chunk in chunks:
            yield decode_chunk(plan, chunk)
    else:
        yield from map_chunks(decode_chunk, plan, chunks, jobs, lambda item: crash(*item))


def _chunks(items: Iterator[tuple[int, Content]]) -> Iterator[list[tuple[int, Content]]]:
    """Chunks bounded in number and, for pixels that travel to the workers, in bytes."""
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


def _judge_failures(workspace: Workspace, settings: Settings) -> None:
    failed = workspace.total("count(*)", f"code <> '{READ}'")
    if not failed:
        return
    rows = list(workspace.rows("id, reason", f"code <> '{READ}'"))
    lines = [f"  {name}: {reason}" for name, reason in rows[:SHOWN]]
    if failed > SHOWN:
        lines.append(f"  … and {failed - SHOWN} more")
    listing = "\n".join(lines)
    if failed == workspace.total("count(*)"):
        raise KedjaError(f"none of the {failed} images can be read:\n{listing}")
    if settings.on_error == "fail":
        # Forget the failures, so that the next run looks at the repaired files again.
        workspace.forget_failures()
        raise KedjaError(
            f"{failed} of {workspace.total('count(*)')} images cannot be read:\n{listing}",
            "repair or remove them and run the same command again (what was read is kept), or pass on_error=skip",
        )
    say(f"left out {failed} images that cannot be read (listed in rejected.csv):\n{listing}")
