"""A kind that the package does not know: short mono recordings as raw little-endian samples. `register` adds it.

Run as a program it is the server of such bundles: `python tests/support/waveforms.py bundle=…`.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kedja.bundle.inputs import registry as inputs
from kedja.bundle.inputs.input import NO_LIMITS, Feed, Input, InputError, Limits, Tensor, Values

LITTLE_ENDIAN = np.dtype("<i2")


@dataclass(frozen=True)
class Waveform(Input):
    """So many samples; shorter recordings end in silence, longer ones are refused."""

    kind: ClassVar[str] = "waveform"
    noun: ClassVar[str] = "waveform"
    nouns: ClassVar[str] = "waveforms"
    media_types: ClassVar[tuple[str, ...]] = ("audio/*", "application/octet-stream")
    suffixes: ClassVar[frozenset[str]] = frozenset({".raw"})
    hint: ClassVar[str] = '{"waveform": "<base64>"}'

    length: int

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (Tensor("samples", "int16", (self.length,)),)

    def decode(self, data: bytes, limits: Limits = NO_LIMITS) -> np.ndarray:
        if len(data) % 2 or not data:
            raise InputError("corrupt", f"{len(data)} bytes are no 16-bit samples")
        if len(data) > 2 * self.length:
            raise InputError("too-long", f"the waveform has more than {self.length} samples")
        samples = np.zeros(self.length, np.int16)
        samples[: len(data) // 2] = np.frombuffer(data, LITTLE_ENDIAN)
        return samples

    def from_value(self, value: Any, limits: Limits = NO_LIMITS) -> np.ndarray:
        return self.decode(base64.b64decode(value), limits)

    def to_value(self, data: bytes) -> str:
        return base64.b64encode(data).decode()

    def collate(self, examples: Sequence[np.ndarray]) -> Feed:
        return {"samples": np.stack(examples)}

    def features(self, feed: Feed) -> Values:
        return {"loudness": np.abs(feed["samples"].astype(np.float64)).mean(axis=1)}

    def value_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "byte"}

    @property
    def summary(self) -> str:
        return f"{self.length} samples"

    def describe(self) -> list[str]:
        return [f"`samples`: int16 (N, {self.length})"]

    def suffix(self, data: bytes) -> str:
        return ".raw"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def register() -> None:
    """Make the kind and a source of it known to this process."""
    from kedja.data.kinds import registry as kinds
    from kedja.data.kinds.kind import Chunk, Content, Kind, Result
    from kedja.data.kinds.stored import Stored
    from kedja.data.preparation.npy import copy_selected, create_npy, write_images
    from kedja.data.preparation.workspace import KEPT
    from kedja.data.sources import registry as sources
    from kedja.data.sources.source import Item

    class StoredWaveforms(Stored):
        def __init__(self, folder: Path, description: Mapping[str, Any]) -> None:
            self.input = Waveform.from_json(description["input"])
            self._bytes = np.load(folder / "samples.npy", mmap_mode="r")

        def read(self, positions: np.ndarray) -> Feed:
            return {"samples": np.ascontiguousarray(self._bytes[positions]).view(LITTLE_ENDIAN).astype(np.int16)}

        def encoded(self, position: int) -> bytes:
            return self._bytes[position].tobytes()

    class Waveforms(Kind):
        def choose(self, count: int, contents: Iterator[Content]) -> None:
            self.input = Waveform(max(len(content) for content in contents))

        def decoder(self, count: int) -> Callable[[Chunk], list[Result]]:
            place = create_npy(self.workspace.folder / "samples.npy", (count, 2 * self.input.length))  # type: ignore[attr-defined]
            return partial(self.read, place)

        def read(self, place: Any, chunk: Chunk) -> list[Result]:
            results = []
            for position, content in chunk:
                data = content.astype(LITTLE_ENDIAN).tobytes()
                samples = self.input.decode(data).astype(LITTLE_ENDIAN).view(np.uint8)
                write_images(place, np.array([position]), samples[None])
                digest = hashlib.sha256(samples).digest()
                same = int.from_bytes(digest[:8], "big", signed=True)
                results.append((hashlib.sha256(data).hexdigest(), len(data), same, "", "", position))
            return results

        def write(self, folder: Path) -> None:
            kept = self.workspace.column(KEPT, np.bool_)
            copy_selected(self.workspace.folder / "samples.npy", folder / "samples.npy", kept)

        @classmethod
        def open(cls, folder: Path, description: Mapping[str, Any]) -> Stored:
            return StoredWaveforms(folder, description)

    class Ramps:
        """Rising and falling ramps in noise; counts how often it is walked."""

        kind, title, licence = "waveform", "ramps", "CC0"
        image = tree = None
        classes: ClassVar = ["falling", "rising"]
        walks = 0

        def items(self) -> Iterator[Item]:
            type(self).walks += 1
            rng = np.random.default_rng(0)
            for number in range(240):
                slope = 8000 * (2 * (number % 2) - 1)
                ramp = np.linspace(-slope, slope, 32 if number % 3 else 24) + rng.normal(
                    0, 3000, 32 if number % 3 else 24
                )
                yield Item(f"{number:04d}", self.classes[number % 2], ramp.astype(np.int16))

    inputs.INPUTS["waveform"] = Waveform
    kinds.KINDS["waveform"] = Waveforms
    sources.SOURCES.append(("ramps", lambda settings: settings.source == "ramps", lambda settings, work: Ramps()))


if __name__ == "__main__":
    from kedja import cli
    from kedja.serving.__main__ import main
    from kedja.serving.settings import Settings

    # The server knows nothing of data: the half of the contract that it shares with training is enough.
    inputs.INPUTS["waveform"] = Waveform
    cli.run(main, Settings, "KEDJA_")
