"""Every package in the product that it is for: its own server, started as its README says, answers like ours."""

import contextlib
import http.client
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.export.package import package
from kedja.serving.predictor import Predictor
from support import ray_nodes
from support.bundles import make_bundle
from support.pictures import encode, picture
from support.servers import reserved_port

pytestmark = pytest.mark.slow

PROGRAMS = Path(sys.executable).parent
SECONDS_TO_START = 180
REMEDY = "just env groups=dev,ray,products"


@dataclass(frozen=True)
class Product:
    """Attributes:
    module: what has to be installed; of Ray Serve a package that Ray alone does not bring.
    command: as in the package's README; {port} is filled in.
    path: where it answers.
    settings: the file of the package that names its ports.
    form: whether it takes a form's field `file` instead of the bare bytes.
    """

    module: str
    command: list[str]
    path: str
    settings: str | None = None
    form: bool = False


PRODUCTS = {
    "bentoml": Product(
        "bentoml", ["bentoml", "serve", "service:BundleClassifier", "--port", "{port}"], "/predict", form=True
    ),
    "ray-serve": Product("watchfiles", ["serve", "run", "serve.yaml"], "/", "serve.yaml"),
    "torchserve": Product(
        "ts.model_server",
        ["torchserve", "--foreground", "--ncs", "--ts-config", "config.properties"],
        "/predictions/digits",
        "config.properties",
    ),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("products") / "bundle", name="digits")


@pytest.mark.parametrize("target", PRODUCTS)
def test_the_products_own_server_answers_like_ours(bundle: Path, tmp_path: Path, target: str) -> None:
    product = PRODUCTS[target]
    skip_where_missing(product)
    folder = package(bundle, target, tmp_path / "package")
    predictor = Predictor(bundle)
    with environment_of(target, tmp_path) as environment, running(product, folder, environment) as port:
        for image in pictures():
            answer = ask(port, product, image)
            expected = predictor.predict({"image": preprocess(image, predictor.metadata.input)[None]})[0]
            assert answer["probabilities"] == pytest.approx(expected.tolist(), abs=1e-5)
            assert answer["predicted_class"] == predictor.metadata.classes[int(expected.argmax())]


def pictures() -> list[bytes]:
    """Three digits as PNG, and a colour photograph in another size and form, which takes all of the preprocessing."""
    digits = (load_digits().images[:3] * 255 / 16).astype(np.uint8)
    return [*(encode(Image.fromarray(digit)) for digit in digits), encode(picture(1, (37, 23)), "JPEG")]


def skip_where_missing(product: Product) -> None:
    if importlib.util.find_spec(product.module.partition(".")[0]) is None:
        pytest.skip(f"{product.module} is not installed: {REMEDY}")
    if product.module.startswith("ts.") and shutil.which("java") is None:
        pytest.skip("TorchServe needs Java 17")


@contextlib.contextmanager
def environment_of(target: str, folder: Path) -> Iterator[dict[str, str]]:
    """Without reports to the maker; what is written lies below the test's folder; Ray Serve gets a node of its own."""
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "home"), "TMPDIR": str(folder)}
    common = {**os.environ, **quiet, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    if target == "ray-serve":
        with ray_nodes.cluster(workers=0) as nodes:
            yield {**common, "RAY_ADDRESS": nodes.address}
    else:
        yield common


@contextlib.contextmanager
def running(product: Product, folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """The product's server in `folder`, until it answers; its port. At the end every process of it is gone."""
    with contextlib.ExitStack() as held:
        yield from _served(product, folder, environment, held)


def _served(product: Product, folder: Path, environment: dict[str, str], held: contextlib.ExitStack) -> Iterator[int]:
    port = held.enter_context(reserved_port())
    if product.settings:
        choose_ports(folder / product.settings, port, held)
    command = [word.format(port=port) for word in product.command]
    log = folder.with_name("server.log")
    with log.open("wb") as output:
        process = psutil.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_it_answers(process, port, product, log)
        yield port
    finally:
        family = [*process.children(recursive=True), process]
        process.terminate()
        _, alive = psutil.wait_procs(family, timeout=20)
        for one in alive:
            one.kill()
        psutil.wait_procs(alive)


def choose_ports(settings: Path, port: int, held: contextlib.ExitStack) -> None:
    """The port that is asked, and others nobody uses, instead of the usual ones."""
    text = settings.read_text()
    usual = re.findall(r"(?:port[:=] ?|127\.0\.0\.1:)(\d+)", text)
    for number, chosen in zip(usual, [port, *(held.enter_context(reserved_port()) for _ in usual)], strict=False):
        text = text.replace(number, str(chosen))
    settings.write_text(text)


def wait_until_it_answers(process: psutil.Popen, port: int, product: Product, log: Path) -> None:
    image = pictures()[0]
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
            ask(port, product, image)
            return
        time.sleep(0.2)
    pytest.fail(f"{product.module} does not answer:\n{log.read_text(errors='replace')[-3000:]}")


def ask(port: int, product: Product, image: bytes) -> dict:
    body, kind = (form(image), "multipart/form-data; boundary=kedja") if product.form else (image, "image/png")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", product.path, body, {"Content-Type": kind})
        answer = json.loads(connection.getresponse().read())
    return {"probabilities": answer["probabilities"], "predicted_class": answer["predicted_class"]}


def form(image: bytes) -> bytes:
    head = '--kedja\r\nContent-Disposition: form-data; name="file"; filename="image"\r\nContent-Type: image/png\r\n\r\n'
    return head.encode() + image + b"\r\n--kedja--\r\n"
