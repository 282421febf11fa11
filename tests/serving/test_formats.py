"""Compact answers by `Accept`, and arrays as `application/x-npy`."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedja.bundle import metadata as bundles
from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.image.values import from_pixels
from kedja.bundle.inputs.input import InputError, Limits
from kedja.serving import answers, npy
from kedja.serving.errors import RequestError, from_input_error


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


NPY = {"Content-Type": "application/x-npy"}


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.dtype(">u2")])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_answered_like_the_image(client, digits, dtype, order):
    metadata = bundles.load(digits)
    pixels = np.stack([preprocess((digits / g.file).read_bytes(), metadata.input) for g in metadata.golden])
    array = np.asarray(pixels.astype(dtype), order=order)
    answer = client.post("/predict", content=as_npy(array), headers=NPY).json()
    for prediction, golden in zip(answer["predictions"], metadata.golden, strict=True):
        np.testing.assert_allclose(prediction["probabilities"], golden.probabilities, atol=1e-4)
    single = client.post("/predict", content=as_npy(pixels[0]), headers=NPY).json()
    assert single["probabilities"] == answer["predictions"][0]["probabilities"]


HUGE = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(
    0x76
)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\x93NUMPY", 400),
        (b"\x93NUMPY\x09\x09\x00\x00", 400),
        (HUGE, 400),
        (as_npy(np.zeros((8, 8), np.uint8))[:-1], 400),
        (as_npy(np.zeros((8, 8), np.uint8)) + b"x", 400),
        (as_npy(np.array(["a"])), 400),
        (as_npy(np.zeros((8, 8), np.float32)), 422),
        (as_npy(np.full((8, 8), 256)), 422),
        (as_npy(np.zeros((9, 9), np.uint8)), 422),
        (as_npy(np.zeros((0, 8, 8, 1), np.uint8)), 422),
        (as_npy(np.zeros((), np.uint8)), 422),
    ],
)
def test_npy_that_cannot_be_used(client, body, status):
    response = client.post("/predict", content=body, headers=NPY)
    assert response.status_code == status, response.text
    assert response.json()["error"]["message"]


def test_objects_are_never_unpickled(client):
    body = io.BytesIO()
    np.save(body, np.array([{"a": 1}], object), allow_pickle=True)
    assert client.post("/predict", content=body.getvalue(), headers=NPY).status_code == 400


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_as_npy_are_read_or_refused(tail):
    for body in (tail, b"\x93NUMPY\x01\x00" + tail, as_npy(np.zeros(4, np.uint8))[:60] + tail):
        try:
            npy.read(body)
        except RequestError as error:
            assert error.status == 400


@given(st.recursive(st.integers() | st.floats() | st.none() | st.text(max_size=3), lambda x: st.lists(x, max_size=9)))
@settings(max_examples=200)
def test_any_pixels_are_taken_or_refused(value):
    try:
        images = from_pixels(value, ImageSpec(2, 2, 1), Limits(4, 1000))
    except InputError as error:
        assert from_input_error(error).status in (413, 422)
    else:
        assert {image.pixels.shape for image in images.items} == {(2, 2, 1)}


def test_probabilities_come_back_as_the_same_float32():
    numbers = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32).view(np.float32)
    row = np.concatenate([numbers[np.isfinite(numbers)], np.float32([0, 1, 0.1, 1e-45, 1 / 3])])
    answer = answers.JsonAnswer(answers.full(row, 1, ["a", "b"]))
    np.testing.assert_array_equal(np.float32(json.loads(answer.body)["probabilities"]), row)


def test_compact_answers(client, digits):
    sample = (digits / "samples/0.png").read_bytes()

    def ask(accept):
        response = client.post("/predict", content=sample, headers={"Content-Type": "image/png", "Accept": accept})
        return response.status_code, response.headers["content-type"], response.json()

    _, kind, full = ask("*/*")
    assert kind == "application/json"
    assert ask("text/html, application/json;q=0.9")[2] == full
    assert ask("application/vnd.kedja.other+json")[2] == full
    status, kind, short = ask("application/vnd.kedja.class+json, */*")
    assert (status, kind) == (200, "application/vnd.kedja.class+json")
    assert short == {key: full[key] for key in ("predicted_class", "class_index", "model")}
    _, kind, top = ask("application/vnd.kedja.top+json; k=3")
    assert kind == "application/vnd.kedja.top+json"
    ranked = sorted(range(10), key=lambda i: -full["probabilities"][i])[:3]
    assert [entry["class_index"] for entry in top["top"]] == ranked
    assert [entry["probability"] for entry in top["top"]] == pytest.approx([full["probabilities"][i] for i in ranked])
    assert len(ask("application/vnd.kedja.top+json")[2]["top"]) == 5
    assert len(ask("application/vnd.kedja.top+json;k=99")[2]["top"]) == 10
    for bad in ("k=0", "k=-1", "k=x", "k=9999999999"):
        status, _, answer = ask(f"application/vnd.kedja.top+json; {bad}")
        assert (status, answer["error"]["code"]) == (422, "invalid-input")
