"""Without a valid key nothing is answered but what is open, however its address is written."""

import socket
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.routing import iter_route_contexts

from kedja.serving import keys
from kedja.serving.app import create_app
from kedja.serving.predictor import Predictor
from kedja.serving.settings import Settings
from kedja.serving.state import Service
from support import prefixed_server

OPEN = {"/", "/docs", "/monitor", "/openapi.json", "/health/live", "/health/ready"}  # and all below /page/
CLOSED = {"/predict", "/class-names", "/sample", "/random-image", "/model", "/metrics", "/drift"}
UNKNOWN = ["/nowhere", "/redoc", "/docs/oauth2-redirect", "/page/", "/page/../model", "/page/index.html", "/health"]
METHODS = ["GET", "HEAD", "POST", "OPTIONS"]
ENDS = [
    *("%0A", "%0a", "%0D", "%0D%0A", "%00", "%09", "%7F", "%C2%85", "%C2%A0", "%E2%80%A8", "%20", "%FF", "%", "%0"),
    *("/", "//", "/.", "/..", "/%2e%2e", "%2F", "%2f..", "%5C", ";", ";a=b", "%3B", ".json", "/x", "?", "?x=/docs"),
    *("#/docs", "%250A", "%252F", "%2500", "%3F", "%23", "&"),
]
STARTS = [
    *("/", "/.", "/x/..", "/docs/..", "/health/live/..", "/page/..", "/%2e", "/docs%2F..", "%2F", "/%00", "/%0A"),
    *("/;", "/docs;/.."),
]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.txt"


@pytest.fixture
def addresses(digits) -> list[str]:
    """Every route and mounted file of the application, and some that are none."""
    app = create_app(Service(Settings(bundle=digits, threads=1), Predictor(digits)))
    routes = [route.path for route in iter_route_contexts(app.routes)]
    assert set(routes) >= OPEN | CLOSED
    assert {route for route in routes if route not in OPEN | CLOSED} == {r for r in routes if r.startswith("/page/")}
    return [*dict.fromkeys(routes), *UNKNOWN]


def spellings(path: str) -> list[str]:
    word = path.lstrip("/")
    every = "/" + "".join(f"%{ord(letter):02x}" for letter in word)
    return [
        path,
        *(path + end for end in ENDS),
        *(start + path for start in STARTS),
        *(path.upper(), path.title(), every, every.replace("%", "%25"), quote(path, safe=""), path.replace("/", "//")),
        *(f"http://127.0.0.1{path}", f"http://docs/{path}", f"HTTP://x@docs{path}", word),
        *(path + raw for raw in ("\x01", "\x0b", "\x7f", "\t", "\x85", "\xff")),
    ]


class Asker:
    """Sends what it is told to the byte, each on a connection of its own."""

    def __init__(self, server, tls: ssl.SSLContext | None = None) -> None:
        self._address = server.host, server.port
        self._tls = tls

    def __call__(self, method: str, target: str, *headers: str) -> tuple[int, bytes]:
        """Status (0: closed without an answer) and body."""
        lines = [f"{method} {target} HTTP/1.1", "Host: docs", "Connection: close", "Content-Length: 0", *headers]
        with socket.create_connection(self._address, timeout=20) as plain:
            stream = self._tls.wrap_socket(plain, server_hostname="127.0.0.1") if self._tls else plain
            stream.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            answer = b""
            while piece := stream.recv(65_536):
                answer += piece
            if self._tls:
                stream.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head else 0), body


def attack(ask: Asker, addresses: list[str], methods: list[str], *headers: str) -> None:
    pages = [path for path in addresses if path in OPEN or path.startswith("/page/")]
    answers = {path: ask("GET", path) for path in pages}
    contents = {body for path, (status, body) in answers.items() if status == 200}
    assert all(answers[path][0] == 200 for path in OPEN)
    leaks, refused = [], 0
    for target in dict.fromkeys(spelling for path in addresses for spelling in spellings(path)):
        for method in methods:
            status, body = ask(method, target, *headers)
            # An open page in another spelling is as open; anything else, "not found" included, takes a key.
            is_page = status == 200 and (body in contents if method == "GET" else method == "HEAD" and not body)
            refused += status == 401
            if status not in (0, 400, 401) and not is_page:
                leaks.append((method, target, status, body[:80]))
    assert not leaks
    assert refused > 500


@pytest.mark.parametrize("header", [None, "X-API-Key: kedja_wrong"])
def test_no_spelling_of_an_address_goes_without_a_key(start_server, file, addresses, header):
    keys.add(file, "alice")
    server = start_server(f"keys={file}", "access_log=false")
    attack(Asker(server), addresses, METHODS if header is None else METHODS[:1], *([header] if header else []))
    assert "Traceback" not in server.log.read_text()


def test_nor_over_tls(start_server, file, addresses, certificate):
    keys.add(file, "alice")
    public, private = certificate
    server = start_server(f"keys={file}", "access_log=false", f"tls_certificate={public}", f"tls_key={private}")
    attack(Asker(server, ssl.create_default_context(cafile=public)), addresses, ["GET"])


def test_nor_below_a_prefix(start_server, file, addresses):
    key = keys.add(file, "alice")
    server = start_server(f"keys={file}", "access_log=false", program=(Path(prefixed_server.__file__),))
    ask = Asker(server)
    attack(ask, addresses, ["GET"])
    attack(ask, [*addresses, *(prefixed_server.PREFIX + path for path in addresses)], ["GET"])
    assert ask("GET", "/metrics", f"X-API-Key: {key}")[0] == 200


def test_wrong_keys_open_nothing_and_the_right_one_everything(start_server, file, addresses):
    key = keys.add(file, "alice")
    ask = Asker(start_server(f"keys={file}"))
    stored = file.read_text().strip()
    wrong = ["", key[:-1], key + "x", key.swapcase(), stored, stored.partition(":")[2], "alice", "null", "\xe4"]
    for path in [*CLOSED, *UNKNOWN]:
        for method in [*METHODS, "PUT", "DELETE", "PATCH", "TRACE"]:
            for word in wrong:
                for header in (f"X-API-Key: {word}", f"Authorization: Bearer {word}", f"Authorization: Basic {key}"):
                    assert ask(method, path, header)[0] == 401, (method, path, header)
    for path in CLOSED - {"/predict"}:
        assert ask("GET", path, f"X-API-Key: {key}")[0] == 200
    assert ask("GET", "/nowhere", f"X-API-Key: {key}")[0] == 404
    assert ask("PUT", "/metrics", f"X-API-Key: {key}")[0] == 405
    for path in OPEN:
        assert ask("DELETE", path)[0] == 401
        assert ask("DELETE", path, f"Authorization: Bearer {key}")[0] == 405


@pytest.mark.parametrize("end", ["%0A", "%0d", "%00", "%1F", "%7f", "%C2%85"])
def test_control_characters_in_a_path_are_refused_before_anything_else(client, end):
    for path in ("/metrics", "/health/live", "/nowhere", "/predict"):
        for written in (path + end, path[:3] + end + path[3:]):
            response = client.get(written)
            assert response.status_code == 400, written
            assert response.json()["error"]["code"] == "bad-path"
            assert response.headers["x-request-id"]


def test_browsers_ask_whether_they_may_ask_without_a_key(serve_here, file):
    keys.add(file, "alice")
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    closed = serve_here(keys=file)
    assert closed.options("/predict", headers=preflight).status_code == 401
    client = serve_here(keys=file, cors=["https://shop.example"])
    assert client.options("/predict", headers=preflight).status_code == 200
    assert client.options("/predict", headers={"Origin": "https://shop.example"}).status_code == 401
    refused = client.post("/predict", headers={"Origin": "https://shop.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"  # so that the page can read why
