"""A bundle as another server's own deployable, so that nobody is locked in.

Every package holds the bundle, the contract's own preprocessing (`kedja/bundle/`) and one class that verifies both when
it is made; what differs is the thin file that the product asks for. The files are templates in `packages/`.
"""

import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from kedja.bundle import integrity, metadata
from kedja.bundle.inputs.input import Tensor
from kedja.bundle.metadata import MODEL, Metadata
from kedja.common.errors import KedjaError, nearest
from kedja.common.files import replacing_directory, write_text

_TEMPLATE = ".txt"
# Triton's names for numpy's; the rest are numpy's in capitals.
_TRITON_TYPES = {"float32": "FP32", "float64": "FP64", "float16": "FP16", "str": "STRING"}


@dataclass(frozen=True)
class Target:
    """A server that packages are written for.

    Attributes:
        templates: of its files; None for the folder of its name in `packages/`.
        arrange: what is left to do in the filled folder, given the service's name.
    """

    templates: Traversable | None = None
    arrange: Callable[[Path, str], None] | None = None


def package(bundle: Path, target: str, destination: Path) -> Path:
    """Write the deployable; what stood at `destination` is replaced when it is complete.

    Raises:
        KedjaError: the target is not known, the bundle is damaged, or the destination holds something else.
    """
    if target not in TARGETS:
        raise KedjaError(f"target={target} is not known", nearest(target, list(TARGETS)))
    loaded = metadata.load(bundle)
    integrity.verify_files(bundle, loaded)
    with replacing_directory(destination, "classifier.py") as folder:
        _copy_bundle(bundle, loaded, folder / "bundle")
        _copy_contract(folder / "kedja")
        values = _values(loaded)
        own, ours = TARGETS[target], resources.files("kedja.export.packages")
        for templates in (ours / "common", own.templates or ours / target):
            _fill(templates, folder, values)
        if own.arrange:
            own.arrange(folder, values["service"])
    return destination


def _copy_bundle(bundle: Path, loaded: Metadata, destination: Path) -> None:
    """Only what the metadata names: nothing else belongs to the bundle."""
    for name in (metadata.METADATA, *loaded.files):
        (destination / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / name, destination / name)


def _copy_contract(destination: Path) -> None:
    """The two rooms need the standard library, numpy and Pillow alone; import-linter holds them to that."""
    for room in ("common", "bundle"):
        folder = Path(str(resources.files(f"kedja.{room}")))
        for file in sorted(folder.rglob("*.py")):
            write_text(destination / room / file.relative_to(folder), file.read_text(encoding="utf-8"))
    write_text(destination / "__init__.py", '"""The part of kedja that a bundle needs."""\n')


def _values(loaded: Metadata) -> dict[str, str]:
    return {
        "name": loaded.name,
        # Products allow few characters in a model's name.
        "service": re.sub(r"[^a-z0-9_]+", "_", loaded.name.lower()).strip("_") or "classifier",
        "noun": loaded.input.noun,
        "nouns": loaded.input.nouns,
        "takes": loaded.input.describe()[0],
        "inputs": ", ".join(_triton_input(tensor) for tensor in loaded.input.tensors),
        "classes": str(len(loaded.classes)),
    }


def _triton_input(tensor: Tensor) -> str:
    dtype = _TRITON_TYPES.get(tensor.dtype, tensor.dtype.upper())
    sizes = ", ".join(str(size) if isinstance(size, int) else "-1" for size in tensor.shape)
    return f'{{ name: "{tensor.name}", data_type: TYPE_{dtype}, dims: [ {sizes} ] }}'


def _fill(templates: Traversable, folder: Path, values: dict[str, str]) -> None:
    for file in templates.iterdir():
        if file.name.endswith(_TEMPLATE):
            text = Template(file.read_text(encoding="utf-8")).substitute(values)
            write_text(folder / file.name.removesuffix(_TEMPLATE), text)


def _arrange_for_triton(folder: Path, service: str) -> None:
    """A model repository: `<model>/config.pbtxt` and `<model>/1/model.onnx`."""
    model = folder / "model_repository" / service
    (model / "1").mkdir(parents=True)
    (folder / "config.pbtxt").replace(model / "config.pbtxt")
    shutil.copyfile(folder / "bundle" / MODEL, model / "1" / MODEL)


def _arrange_for_torchserve(folder: Path, service: str) -> None:
    """A model store with one archive: a zip of the handler, of all that it imports, and of a manifest.

    The form is that of https://github.com/pytorch/serve/blob/master/model-archiver/README.md.
    """
    archive = folder / "model_store" / f"{service}.mar"
    archive.parent.mkdir()
    (folder / "MAR-INF").mkdir()
    (folder / "MANIFEST.json").replace(folder / "MAR-INF" / "MANIFEST.json")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for part in ("MAR-INF", "handler.py", "classifier.py", "kedja", "bundle"):
            for file in sorted(path for path in [folder / part, *(folder / part).rglob("*")] if path.is_file()):
                opened.write(file, file.relative_to(folder))


TARGETS: dict[str, Target] = {
    "bentoml": Target(),
    "ray-serve": Target(),
    "torchserve": Target(arrange=_arrange_for_torchserve),
    "mlserver": Target(),
    "triton": Target(arrange=_arrange_for_triton),
}
