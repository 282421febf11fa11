import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from kedja.bundle import integrity, metadata
from kedja.bundle.explanation import HEAD, Explanation, of_parts
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.export.head import write_head
from kedja.serving.predictor import Predictor
from support.bundles import encode, make_bundle


def resealed(bundle):
    loaded = metadata.load(bundle)
    files = integrity.hash_files(bundle)
    metadata.save(bundle, integrity.seal(dataclasses.replace(loaded, files=files)))


def bright_corner(spec: ImageSpec, row: int, column: int):
    """Grey, with one bright square at a place of four by four."""
    pixels = np.full(spec.shape, 90, np.uint8)
    height, width = spec.height // 4, spec.width // 4
    pixels[row * height : (row + 1) * height, column * width : (column + 1) * width] = 250
    return pixels


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (2, 1), (3, 3)])
@pytest.mark.parametrize("side", [8, 64])
def test_hidden_parts_show_where_what_counts_lies(row, column, side):
    spec = ImageSpec(side, side, 3)
    example = spec.decode(encode(Image.fromarray(bright_corner(spec, row, column))))
    parts = spec.parts(example)

    def logits(examples):
        """Bright pixels speak for the second class."""
        bright = np.array([(one.pixels > 200).mean() for one in examples])
        return np.stack([0 * bright, bright, 0 * bright], axis=1)

    found = of_parts(logits, example, parts, 1).weights
    assert found.shape == (8, 8)
    inside = np.zeros((8, 8), bool)
    # Windows reach half a cell over their edges.
    inside[max(0, 2 * row - 1) : 2 * row + 3, max(0, 2 * column - 1) : 2 * column + 3] = True
    assert found[inside].sum() == pytest.approx(found.sum())
    assert found.sum() > 0
    assert of_parts(logits, example, spec.parts(example), 0).weights.sum() < 0


def test_of_a_bundle_by_cells_and_by_parts(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    by_parts = Predictor(bundle)
    example = by_parts.metadata.input.decode(by_parts.samples[0].data)
    assert by_parts.explain(example, 3).weights.shape == (8, 8)  # type: ignore[union-attr]
    write_head(bundle)
    assert (bundle / HEAD).is_file()
    resealed(bundle)
    by_cells = Predictor(bundle)
    found = by_cells.explain(example, 3)
    assert found is not None
    assert found.weights.shape == (8, 8)
    # Its head is linear in the cells: together they are what stands out of the logits.
    (logits,) = by_cells._session.run(["logits"], by_cells.metadata.input.collate([example]))
    assert found.weights.sum() == pytest.approx(logits[0, 3] - logits[0].mean(), abs=1e-4)


def test_the_drawing_is_pink_where_the_weights_are():
    spec = ImageSpec(8, 8, 1)
    example = spec.decode(encode(Image.fromarray(np.full((8, 8), 128, np.uint8))))
    weights = np.zeros((8, 8))
    weights[6, 1] = 2.0
    weights[0, 7] = -3.0
    suffix, content = spec.drawn(example, Explanation(0, weights), ["a", "b"])
    assert suffix == ".png"
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert picture.shape == (224, 224, 3)
    pink = picture[:, :, 0] - picture[:, :, 1]
    assert np.unravel_index(pink.argmax(), pink.shape) == pytest.approx((6.5 * 28, 1.5 * 28), abs=14)
    assert pink[:28, 196:].max() == 0
