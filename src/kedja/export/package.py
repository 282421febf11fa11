"""A bundle as another server's own deployable, so that nobody is locked in.

Every package holds the bundle, the contract's own preprocessing (`kedja/bundle/`) and one class that verifies both when
it is made; what differs is the thin file that the product asks for. The files are templates in `packages/`.
"""

import re
import shutil
import zipfile
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Literal, get_args

from kedja.bundle import integrity, metadata
from kedja.bundle.metadata import MODEL, Metadata
from kedja.common.errors import KedjaError, nearest
from kedja.common.files import replacing_directory, write_text

Target = Literal["bentoml", "ray-serve", "torchserve", "mlserver", "triton"]

_TEMPLATE = ".txt"


def package(bundle: Path, target: str, destination: Path) -> Path:
    """Write the deployable; what stood at `destination` is replaced when it is complete.

    Raises:
        KedjaError: the target is not known, the bundle is damaged, or the destination holds something else.
    """
    if target not in get_args(Target):
        raise KedjaError(f"target={target} is not known", nearest(target, list(get_args(Target))))
    loaded = metadata.load(bundle)
    integrity.verify_files(bundle, loaded)
    with replacing_directory(destination, "classifier.py") as folder:
        _copy_bundle(bundle, loaded, folder / "bundle")
        _copy_contract(folder / "kedja")
        values = _values(loaded)
        for name in ("common", target):
            _fill(resources.files("kedja.export.packages") / name, folder, values)
        if target == "triton":
            _arrange_for_triton(folder, values["service"])
        if target == "torchserve":
            _arrange_for_torchserve(folder, values["service"])
    return destination


def _copy_bundle(bundle: Path, loaded: Metadata, destination: Path) -> None:
    """Only what the metadata names: nothing else belongs to the bundle."""
    for name in (metadata.METADATA, *loaded.files):
        (destination / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / name, destination / name)


def _copy_contract(destination: Path) -> None:
    """The two rooms need the standard library, numpy and Pillow alone; import-linter holds them to that."""
    for room in ("common", "bundle"):
        for file in resources.files(f"kedja.{room}").iterdir():
            if file.name.endswith(".py"):
                write_text(destination / room / file.name, file.read_text(encoding="utf-8"))
    write_text(destination / "__init__.py", '"""The part of kedja that a bundle needs."""\n')


def _values(loaded: Metadata) -> dict[str, str]:
    height, width, channels = loaded.input.shape
    return {
        "name": loaded.name,
        # Products allow few characters in a model's name.
        "service": re.sub(r"[^a-z0-9_]+", "_", loaded.name.lower()).strip("_") or "classifier",
        "height": str(height),
        "width": str(width),
        "channels": str(channels),
        "classes": str(len(loaded.classes)),
    }


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
