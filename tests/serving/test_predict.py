"""Every way to send an image gives the training framework's answer."""

import base64
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kedja.bundle import metadata as bundles
from kedja.bundle.inputs.image.preprocess import preprocess


def golden(bundle):
    metadata = bundles.load(bundle)
    return metadata, [(bundle / one.file).read_bytes() for one in metadata.golden]


def check(answer, expected, classes):
    np.testing.assert_allclose(answer["probabilities"], expected.probabilities, atol=1e-4)
    assert answer["class_index"] == int(np.argmax(expected.probabilities))
    assert answer["predicted_class"] == classes[answer["class_index"]]


def base64_text(data):
    return base64.b64encode(data).decode()


WAYS = {
    "base64": lambda data: {"json": {"image": base64_text(data)}},
    "data address": lambda data: {"json": {"image": "data:image/png;base64," + base64_text(data)}},
    "upload": lambda data: {"files": {"file": ("a.png", data)}},
    "image body": lambda data: {"content": data, "headers": {"Content-Type": "image/png"}},
    "octets": lambda data: {"content": data, "headers": {"Content-Type": "application/octet-stream"}},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bundle", ["digits", "photos"])
def test_one_image_in_every_way(serve_here, request, bundle, way):
    folder = request.getfixturevalue(bundle)
    metadata, encoded = golden(folder)
    client = serve_here(folder)
    for data, expected in zip(encoded, metadata.golden, strict=True):
        response = client.post("/predict", **WAYS[way](data))
        assert response.status_code == 200, response.text
        answer = response.json()
        check(answer, expected, metadata.classes)
        assert answer["model"] == {"name": metadata.name, "version": metadata.version}


@pytest.mark.parametrize("count", [1, 2, 6])
def test_many_images_come_back_in_their_order(serve_here, photos, count):
    metadata, encoded = golden(photos)
    client = serve_here(photos, max_batch=4)
    as_json = client.post("/predict", json={"images": [base64_text(data) for data in encoded[:count]]}).json()
    assert len(as_json["predictions"]) == count
    for answer, expected in zip(as_json["predictions"], metadata.golden[:count], strict=True):
        check(answer, expected, metadata.classes)
    if count > 1:
        as_form = client.post("/predict", files=[("file", (str(i), data)) for i, data in enumerate(encoded[:count])])
        assert as_form.json() == as_json


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (64,), (1, 8, 8, 1), (2, 8, 8), (3, 64)])
def test_raw_pixels_in_every_shape(client, digits, shape):
    metadata, encoded = golden(digits)
    single = preprocess(encoded[0], metadata.input)
    count = shape[0] if int(np.prod(shape)) > 64 or len(shape) == 4 else 1
    pixels = np.broadcast_to(single, (count, *single.shape)).reshape(shape)
    answer = client.post("/predict", json={"pixels": pixels.tolist()}).json()
    many = len(shape) == 4 or count > 1
    predictions = answer["predictions"] if many else [answer]
    assert len(predictions) == count
    for prediction in predictions:
        check(prediction, metadata.golden[0], metadata.classes)


def test_pixels_of_colour_images(serve_here, photos):
    metadata, encoded = golden(photos)
    pixels = preprocess(encoded[1], metadata.input).tolist()
    check(serve_here(photos).post("/predict", json={"pixels": pixels}).json(), metadata.golden[1], metadata.classes)


def test_requests_side_by_side_get_their_own_answers(start_server, digits):
    metadata, encoded = golden(digits)
    server = start_server("max_batch=5")

    def ask(position):
        body = encoded[position % len(encoded)]
        return server.request("POST", "/predict", body, Content_Type="image/png").json()

    with ThreadPoolExecutor(16) as pool:
        for position, answer in enumerate(pool.map(ask, range(200))):
            check(answer, metadata.golden[position % len(encoded)], metadata.classes)
