"""Texts as vectors of the sentence encoder that comes with the lock; nothing of it is trained."""

import os
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from kedja.baselines.representation import Front
from kedja.bundle.inputs.input import Feed, Input
from kedja.bundle.inputs.text.spec import IDS, MASK, TextInput
from kedja.common.errors import KedjaError
from kedja.common.progress import Progress
from kedja.data.kinds.text.stored import StoredTexts
from kedja.data.prepared import PreparedDataset

if TYPE_CHECKING:
    import onnx

    from kedja.baselines.texts.encoder import Encoder

# SHA-256 of the tokenizer that the encoder was trained with.
TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
# Beside the data sets: what the encoder said of their texts, one file a version.
VECTORS = ".vectors"
# Tokens of a batch, padding included: long enough for matrix products to pay, short enough for the cache.
_BATCH = 2048


class Sentences:
    """`kedja.baselines.texts.encoder.Encoder`, as float64."""

    kind: ClassVar[str] = "text"
    recorded: ClassVar[dict[str, Any]] = {"encoder": "all-MiniLM-L6-v2", "pooling": "mean", "width": 384}

    def settings(self, dataset: PreparedDataset) -> dict[str, Any]:
        return {}

    def examples(self, dataset: PreparedDataset, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        expected = cast(TextInput, dataset.input)
        if expected.tokenizer != TOKENIZER:
            raise KedjaError(
                f"{dataset.folder}/ has another tokenizer than the sentence encoder", "just data tokenizer=minilm …"
            )
        known = open_vectors(dataset.folder.parent / VECTORS / f"{dataset.hash}.npy", len(dataset))
        missing = positions[np.isnan(known[positions, 0])]
        texts = cast(StoredTexts, dataset.stored).decoded(missing)
        with Progress("encoding", len(positions), "texts", done=len(positions) - len(missing)) as progress:
            for chosen in by_length([len(text.ids) for text in texts]):
                known[missing[chosen]] = self.features(expected.collate([texts[place] for place in chosen]))
                progress.advance(len(chosen))
        return known[positions].astype(np.float64)

    def features(self, feed: Feed) -> NDArray[np.float64]:
        import torch

        with torch.inference_mode():
            found: torch.Tensor = self._encoder(torch.from_numpy(feed[IDS]), torch.from_numpy(feed[MASK]))
        return np.asarray(found.numpy(), np.float64)

    def front(self, pipeline: Any, expected: Input) -> Front:
        return Front(encoder_graph(self._encoder), self.recorded["width"], pipeline)

    @cached_property
    def _encoder(self) -> "Encoder":
        from kedja.baselines.texts.encoder import load_encoder

        return load_encoder()


def by_length(lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Places of texts in batches of neighbours by length, so that little of a batch is padding."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - start) * lengths[order[end]] > _BATCH:
            yield order[start:end]
            start = end


def open_vectors(path: Path, count: int) -> NDArray[np.float32]:
    """The vectors that were found before, float32 (count, 384), in a file; NaN where they were not."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        # Made under another name: a file of the right name is whole, whoever else makes one meanwhile.
        fresh = path.with_suffix(f".{os.getpid()}")
        empty = np.lib.format.open_memmap(fresh, "w+", np.float32, (count, Sentences.recorded["width"]))
        empty[:] = np.nan
        empty.flush()
        fresh.replace(path)
    vectors: NDArray[np.float32] = np.load(path, mmap_mode="r+")
    return vectors


def encoder_graph(encoder: "Encoder") -> "onnx.ModelProto":
    """`input_ids`, `attention_mask` int64 (n, length) → `x` float64 (n, 384), for any n and length."""
    import torch

    from kedja.baselines.onnx_graph import OPSETS, under_opsets

    class Exact(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self.encoder(input_ids, attention_mask).double()  # type: ignore[no-any-return]

    n, length = torch.export.Dim("n"), torch.export.Dim("length", max=512)
    before = torch.backends.mha.get_fastpath_enabled()
    # Its one fused operation for a whole layer has no form in ONNX.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The exporter warns of its own libraries' deprecations; nothing a user could act on.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                Exact().eval(),
                (torch.ones((2, 8), dtype=torch.int64), torch.ones((2, 8), dtype=torch.int64)),
                input_names=[IDS, MASK],
                output_names=["x"],
                dynamic_shapes=({0: n, 1: length}, {0: n, 1: length}),
                opset_version=OPSETS[""],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    assert program is not None
    graph: onnx.ModelProto = program.model_proto
    return under_opsets(graph)
