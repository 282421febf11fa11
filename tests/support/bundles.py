"""Small real bundles without training: a patch convolution and a linear layer with seeded weights.

The golden probabilities come from onnx's own reference evaluator, an implementation other than the
runtime that serves, as a training framework would be.
"""

import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from PIL import Image

from kedja.bundle import integrity
from kedja.bundle.inputs.image import features
from kedja.bundle.inputs.image.preprocess import examine, preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.known import Against, Known
from kedja.bundle.known import save as save_known
from kedja.bundle.metadata import MODEL, MODEL_CARD, SAMPLES, Golden, Metadata, save
from kedja.bundle.reference import Reference, of_answers
from kedja.bundle.reference import save as save_reference
from kedja.common import files
from kedja.export.reference import reference as build_reference
from kedja.frameworks.graphs.familiarity import largest_logit

OPSET = 18
FILTERS = 4


def make_bundle(
    folder: Path,
    spec: ImageSpec | None = None,
    classes: list[str] | None = None,
    seed: int = 0,
    image_format: str = "PNG",
    samples: int = 6,
    name: str = "tiny",
    reference: int = 0,
    known: float | None = None,
) -> Path:
    """Write a bundle that the server accepts.

    Args:
        spec: the default is 8×8 luminance; 224×224×3 works as well (height and width are multiples of 8).
        seed: another seed is another model.
        known: the threshold of the score, which is the largest logit; None: the bundle does not tell what is unknown.
        reference: how many random images the reference for drift is made of; 0: the bundle has none.
    """
    spec = spec or ImageSpec(8, 8, 1)
    classes = classes or [str(digit) for digit in range(10)]
    rng = np.random.default_rng(seed)
    model = make_model(spec, len(classes), rng)
    if known is not None:
        largest_logit().append(model)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_bytes(folder / MODEL, model.SerializeToString())
    files.write_text(folder / MODEL_CARD, f"# {name}\n\nA model for tests, with seeded random weights.\n")
    encoded = [encode(random_image(rng, spec), image_format) for _ in range(samples)]
    logits, probabilities = evaluate(model, np.stack([preprocess(data, spec) for data in encoded]))
    golden = []
    for position, data in enumerate(encoded):
        file = f"{SAMPLES}/{position}.{image_format.lower()}"
        files.write_bytes(folder / file, data)
        label = int(probabilities[position].argmax())
        golden.append(Golden(file, label, logits[position].tolist(), probabilities[position].tolist()))
    if reference:
        save_reference(folder, make_reference(folder / MODEL, spec, len(classes), reference, image_format))
    if known is not None:
        scores = [float(row.max()) for row in logits]
        against = [Against("noise", 6, 0.9, 0.8, 1.0, 0.5)]
        save_known(folder, Known("the largest logit", known, 0.05, 100, scores, 1e-3, against, {}))
    hashes = integrity.hash_files(folder)
    metrics = {"test_accuracy": {"value": 0.99, "low": 0.98, "high": 1.0}}
    save(folder, integrity.seal(Metadata(name, "", classes, spec, hashes, golden, metrics=metrics)))
    return folder


def make_model(spec: ImageSpec, classes: int, rng: np.random.Generator) -> onnx.ModelProto:
    """uint8 `image` (N, H, W, C) → `logits`, `probabilities`; normalisation inside, N dynamic."""
    patch = max(1, min(spec.height, spec.width) // 8)
    features = FILTERS * (spec.height // patch) * (spec.width // patch)
    weights = {
        "scale": np.array(1 / 255, np.float32),
        "kernel": rng.normal(0, 2 / patch, (FILTERS, spec.channels, patch, patch)).astype(np.float32),
        "matrix": rng.normal(0, 4 / np.sqrt(features), (features, classes)).astype(np.float32),
        "bias": np.zeros(classes, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["patches"], strides=[patch, patch]),
        helper.make_node("Tanh", ["patches"], ["active"]),
        helper.make_node("Flatten", ["active"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", *spec.shape])],
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, ["n", classes]) for key in ("logits", "probabilities")],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def make_reference(model: Path, spec: ImageSpec, classes: int, images: int, image_format: str) -> Reference:
    """As an export would make it, of images like those of `random_image`."""
    rng = np.random.default_rng(99)
    session = onnxruntime.InferenceSession(model)
    batches = []
    for _ in range(images):
        examined = examine(encode(random_image(rng, spec), image_format), spec)
        pixels = examined.pixels[None]
        sizes = np.array([[examined.width, examined.height]], float)
        (probabilities,) = session.run(["probabilities"], {"image": pixels})
        batches.append(features.of_pixels(pixels) | features.of_sizes(sizes) | of_answers(probabilities))
    return build_reference({key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}, classes)


def evaluate(model: onnx.ModelProto, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and probabilities by onnx's reference evaluator."""
    logits, probabilities = ReferenceEvaluator(model).run(["logits", "probabilities"], {"image": images})
    return np.asarray(logits), np.asarray(probabilities)


def random_image(rng: np.random.Generator, spec: ImageSpec) -> Image.Image:
    """Soft random blobs in the model's own size, different enough to be told apart."""
    shape = (8, 8) if spec.channels == 1 else (8, 8, 3)
    small = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
    return small.resize((spec.width, spec.height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, image_format: str = "PNG", **options: object) -> bytes:
    """The image as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()
