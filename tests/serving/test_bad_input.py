"""Bad input of every kind gets a 4xx with a reason in the one documented shape."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kedja.bundle.inputs.image.formats import NAMES
from support.bundles import encode

PNG = {"Content-Type": "image/png"}
JSON = {"Content-Type": "application/json"}


def refused(response, status, code):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "remedy", "request_id"}
    assert error["code"] == code, error
    assert error["message"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    return error


def text(data):
    return base64.b64encode(data).decode()


GOOD = encode(Image.new("L", (8, 8), 100))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "not a JSON object"),
        ({}, "0 of the keys"),
        ({"image": text(GOOD), "pixels": [1]}, "2 of the keys"),
        ({"imag": text(GOOD)}, "'imag'"),
        ({"image": None}, "null"),
        ({"image": 5}, "a number"),
        ({"image": ["a"]}, "a list"),
        ({"image": "not base64!"}, "not valid base64"),
        ({"image": "ÄÄÄÄ"}, "not valid base64"),
        ({"image": "data:image/png,abc"}, "without base64"),
        ({"images": []}, "not a list"),
        ({"images": text(GOOD)}, "not a list"),
        ({"images": [text(GOOD), 3]}, "a number"),
        ({"pixels": 3}, "no list"),
        ({"pixels": []}, "shape (0,)"),
        ({"pixels": [[1, 2], [3]]}, "different lengths"),
        ({"pixels": ["a"] * 64}, "other than whole numbers"),
        ({"pixels": [0.5] * 64}, "other than whole numbers"),
        ({"pixels": [True] * 64}, "other than whole numbers"),
        ({"pixels": [None] * 64}, "other than whole numbers"),
        ({"pixels": [256] * 64}, "outside 0…255"),
        ({"pixels": [-1] * 64}, "outside 0…255"),
        ({"pixels": [2**70] * 64}, "other than whole numbers"),
        ({"pixels": [2**63] * 64}, "outside 0…255"),
        ({"pixels": [[1] * 9] * 9}, "shape (9, 9)"),
        ({"pixels": [{}] * 64}, "other than whole numbers"),
    ],
)
def test_json_that_says_nothing_usable(client, value, reason):
    response = client.post("/predict", json=value)
    assert reason in refused(response, 422, "invalid-input")["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"image": "\xff"}',
        b'{"image": "\\ud800"}',
        b'{"image": NaN}',
        b'{"image": 1e999}',
        b'{"pixels": [' + b"1" * 5000 + b"]}",
        b"[" * 5000,
        b'{"pixels": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"image": "a',
        b"\x00",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_json_that_does_not_parse(client, body):
    refused(client.post("/predict", content=body, headers=JSON), 400, "invalid-json")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "video/mp4", "ä/ö", ";"]
)
def test_types_that_are_not_understood(client, content_type):
    response = client.post("/predict", content=GOOD, headers={"Content-Type": content_type.encode()})
    refused(response, 415, "unsupported-media-type")


def test_a_compressed_body_is_refused(client):
    response = client.post("/predict", content=zlib.compress(GOOD), headers={**PNG, "Content-Encoding": "deflate"})
    refused(response, 415, "unsupported-encoding")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"hello, world", "unknown-format"),
        (b"%PDF-1.7 and so on", "unknown-format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown-format"),
        (GOOD[:40], None),
        (encode(Image.new("RGB", (64, 64)), "JPEG")[:300], "truncated"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, None),
        (b"GIF89a" + b"\xff" * 10, None),
        (b"BM" + b"\xff" * 60, None),
        (b"II*\x00" + b"\xff" * 60, None),
    ],
)
def test_bytes_that_are_no_image(client, data, code):
    response = client.post("/predict", content=data, headers=PNG)
    assert response.status_code in (400, 413)
    refused(response, response.status_code, code or response.json()["error"]["code"])


def claiming(width, height):
    """A PNG whose header claims this size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum + GOOD[33:]


def test_decompression_bombs_are_refused_before_decoding(client):
    real = encode(Image.new("1", (8000, 8000)), "PNG")
    assert len(real) < 20_000
    for data in (real, claiming(100_000, 100_000), claiming(2**31 - 1, 2**31 - 1), claiming(50_000_001, 1)):
        refused(client.post("/predict", content=data, headers=PNG), 413, "too-large")


def test_a_bad_image_among_good_ones_is_named(client):
    response = client.post("/predict", json={"images": [text(GOOD), text(b"junk")]})
    assert "image 1 of 2" in refused(response, 422, "unknown-format")["message"]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("multipart/form-data", b"x", 400, "invalid-multipart"),
        ("multipart/form-data; boundary=a", b"x", 400, "invalid-multipart"),
        ("multipart/form-data; boundary=a", b"", 400, "invalid-multipart"),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\n", 400, "invalid-multipart"),
        ("multipart/form-data; boundary=a", b"--a--\r\n", 422, "invalid-input"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nab',
            400,
            "invalid-multipart",
        ),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="photo"\r\n\r\nab\r\n--a--\r\n',
            422,
            "invalid-input",
        ),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nab\r\n--a--\r\n',
            400,
            "unknown-format",
        ),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\nab\r\n--a--\r\n',
            422,
            "invalid-input",
        ),
    ],
)
def test_broken_forms(client, content_type, body, status, code):
    refused(client.post("/predict", content=body, headers={"Content-Type": content_type}), status, code)


def test_limits_on_bytes_images_and_pixels(serve_here):
    client = serve_here(max_body=20_000, max_images=2, max_pixels=100)
    refused(client.post("/predict", content=b"x" * 20_001, headers=PNG), 413, "body-too-large")
    # Without a Content-Length the bytes are counted while they arrive.
    refused(client.post("/predict", content=iter([b"x" * 9000] * 9), headers=PNG), 413, "body-too-large")
    refused(client.post("/predict", json={"images": [text(GOOD)] * 3}), 413, "too-many-images")
    refused(client.post("/predict", json={"pixels": [[0] * 64] * 3}), 413, "too-many-images")
    refused(client.post("/predict", files=[("file", GOOD)] * 3), 413, "too-many-images")
    refused(client.post("/predict", content=encode(Image.new("L", (11, 10))), headers=PNG), 413, "too-large")


def test_unknown_addresses_and_methods_have_the_same_shape(client):
    refused(client.get("/nowhere"), 404, "not-found")
    refused(client.get("/predict"), 405, "method-not-allowed")
    refused(client.post("/page/../../etc/passwd"), 404, "not-found")


def test_every_format_that_was_asked_for(serve_here):
    client = serve_here(formats=list(NAMES))
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 3)
    for image_format in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO", "AVIF", "JPEG2000"):
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, image_format)
        response = client.post("/predict", content=buffer.getvalue(), headers={"Content-Type": "image/any"})
        assert response.status_code == 200, (image_format, response.text)


def test_an_error_of_ours_is_a_plain_500_with_a_request_id(serve_here, monkeypatch, caplog):
    client = serve_here()
    engine = client.app.state.service.engine
    monkeypatch.setattr(engine.predictor, "predict", lambda images: 1 / 0)
    response = client.post("/predict", content=GOOD, headers=PNG)
    refused(response, 500, "internal")
    assert "division" not in response.text
    assert "division by zero" in caplog.text


def test_what_was_sent_is_not_sent_back_at_length(client):
    long = "imag" * 100_000
    form = f'--a\r\nContent-Disposition: form-data; name="{long[:3000]}"\r\n\r\nab\r\n--a--\r\n'
    answers = [
        client.post("/predict", json={long: 1}),
        client.post("/predict", json={"image": long}),
        client.post("/predict", json={"pixels": [10**19] * 64}),
        client.post("/predict", content=form, headers={"Content-Type": "multipart/form-data; boundary=a"}),
        client.post("/predict", content=b"x", headers={"Content-Type": long[:3000]}),
        client.post("/predict", content=b"x", headers={"Accept": f"application/vnd.kedja.top+json; q={long[:3000]}"}),
        client.get("/" + long[:3000]),
        client.request(long[:3000], "/predict"),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert len(answer.content) < 700
