"""What front ends that know only the workshop's server send and read."""

import json
import socket

import pytest
from PIL import Image

from kedja.bundle import metadata as bundles
from support.bundles import encode

GOOD = encode(Image.new("L", (8, 8), 100), "PNG")


def form(*parts):
    """A multipart body in this very order; (headers of the part, content)."""
    body = b"".join(
        b"--a\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts
    )
    return {"content": body + b"--a--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}


FILE = (b'name="file"; filename="a.png"', GOOD)


def test_the_class_is_there_under_the_workshops_names(client):
    answer = client.post("/predict", files={"file": GOOD}).json()
    names = client.get("/class-names").json()
    assert answer["prediction"] == answer["predicted_class"]
    assert names["classes"] == names["class_names"]
    assert answer["prediction"] in names["classes"]


@pytest.mark.parametrize(
    "parts",
    [
        [(b'name="csrf_token"', b"1234"), FILE],
        [FILE, (b'name="top_k"', b"3")],
        [(b'name="a"', b""), (b'name="b"', GOOD), FILE, (b'name="c"', b"x" * 5000)],
    ],
)
def test_plain_fields_beside_the_file_are_ignored(client, parts):
    alone = client.post("/predict", **form(FILE))
    assert alone.status_code == 200
    assert client.post("/predict", **form(*parts)).json() == alone.json()


@pytest.mark.parametrize(
    "parts",
    [
        [(b'name="image"; filename="a.png"', GOOD)],
        [FILE, (b'name="second"; filename="b.png"', GOOD)],
        [(b'name="csrf_token"', b"1234")],
    ],
)
def test_no_file_is_lost(client, parts):
    answer = client.post("/predict", **form(*parts))
    assert answer.status_code == 422
    assert "`file`" in answer.json()["error"]["remedy"]


@pytest.mark.parametrize("data", [b"", b"hello", GOOD[:40], b"<html></html>"])
def test_an_upload_that_is_no_image_is_a_bad_request(client, data):
    as_form = client.post("/predict", **form((b'name="file"; filename="a.png"', data)))
    as_body = client.post("/predict", content=data, headers={"Content-Type": "image/png"})
    for answer in (as_form, as_body):
        assert answer.status_code == 400
        assert set(answer.json()["error"]) == {"code", "message", "remedy", "request_id"}


def test_a_value_in_json_that_is_no_image_is_a_wrong_value(client):
    assert client.post("/predict", json={"image": "aGVsbG8="}).status_code == 422


@pytest.mark.parametrize(
    "request_", [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"]
)
def test_what_is_no_http_is_answered_in_the_documented_shape(start_server, digits, request_):
    server = start_server()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request_)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/json" in head
    assert f"content-length: {len(body)}".encode() in head
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "remedy", "request_id"}
    assert error["code"] == "invalid-http"
    assert bundles.load(digits).classes == server.request("GET", "/class-names").json()["classes"]
