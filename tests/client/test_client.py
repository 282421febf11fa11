"""Both clients against a real server, and against one that is busy, away, or none of ours."""

import asyncio
import inspect

import httpx
import pytest

from kedja.bundle import metadata as bundles
from kedja.client import wire
from kedja.client.asynchronous import AsyncClient
from kedja.client.sync import Client
from kedja.client.wire import Retries, ServiceError

QUICK = Retries(attempts=3)


class Blocking:
    """The asynchronous client behind the synchronous one's calls, so that each test runs with both."""

    def __init__(self, *arguments, **options):
        self.runner = asyncio.Runner()

        async def make():
            return AsyncClient(*arguments, **options)

        self.client = self.runner.run(make())

    def __getattr__(self, name):
        def call(*arguments):
            result = getattr(self.client, name)(*arguments)
            return self.runner.run(result) if inspect.isawaitable(result) else result

        return call

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
        self.runner.close()


@pytest.fixture(params=[Client, Blocking])
def kind(request):
    return request.param


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(Retries, "pause", lambda self, attempt, retry_after: 0.0)


def test_bytes_and_paths_in_their_order_over_several_requests(kind, server, bundle, key_file):
    metadata = bundles.load(bundle)
    paths = [bundle / golden.file for golden in metadata.golden]
    images = [path if position % 2 else path.read_bytes() for position, path in enumerate(paths)]
    with kind(server.url, key=key_file[0], batch=3) as client:
        assert client.ready()
        assert client.class_names() == metadata.classes
        assert client.model()["version"] == metadata.version
        found = client.predict_many(images)
        assert len(found) == 7
        for prediction, golden in zip(found, metadata.golden, strict=True):
            assert prediction.probabilities == pytest.approx(golden.probabilities, abs=1e-4)
            assert prediction.predicted_class == metadata.classes[prediction.class_index]
            assert prediction.model_version == metadata.version
        assert client.predict(str(paths[0])) == found[0]
        assert client.predict_many([]) == []


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_a_service_on_this_machine_is_asked_past_every_proxy(kind, server, key_file, monkeypatch, variable):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # Nobody listens at the discard port.
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with kind(server.url, key=key_file[0]) as client:
        assert client.ready()
        assert client.model()["name"]
    away = kind("http://elsewhere.invalid", retries=Retries(attempts=1))
    with away as client, pytest.raises(httpx.ConnectError, match=r"onnect|efused"):
        client.class_names()


@pytest.mark.parametrize(
    ("url", "directly"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("https://localhost:8000/below", True),
        ("http://[::1]:8000", True),
        ("http://127.example.com", False),
        ("http://192.168.0.7:8000", False),
    ],
)
def test_which_addresses_are_on_this_machine(url, directly):
    assert bool(wire.direct(url)) == directly


def test_refusals_say_why(kind, server, bundle, key_file):
    with kind(server.url, key=key_file[0], batch=99) as client:
        with pytest.raises(ServiceError) as error:
            client.predict(b"no image")
        assert (error.value.status, error.value.code) == (400, "unknown-format")
        assert error.value.request_id
        with pytest.raises(ServiceError, match="too-many-images"):
            client.predict_many([(bundle / "samples/0.png").read_bytes()] * 5)
        with pytest.raises(FileNotFoundError):
            client.predict("nowhere.png")
    with kind(server.url, key="wrong") as client, pytest.raises(ServiceError, match="401 unauthorised"):
        client.model()


def scripted(answers):
    """A transport that gives these answers in turn, and counts."""
    given = iter(answers)
    calls = []

    def handle(request):
        calls.append(request)
        answer = next(given)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return httpx.MockTransport(handle), calls


BUSY = (503, {"error": {"code": "busy", "message": "full"}}, {"Retry-After": "1"})
GOOD = (200, {"class_names": ["a", "b"]}, {})


def response(status, body, headers):
    return httpx.Response(status, json=body, headers=headers)


def test_a_busy_or_interrupted_service_is_asked_again(kind):
    transport, calls = scripted([response(*BUSY), httpx.ConnectError("away"), response(*GOOD)])
    with kind("http://x", retries=QUICK, transport=transport) as client:
        assert client.class_names() == ["a", "b"]
    assert len(calls) == 3


def test_it_gives_up_at_last(kind):
    transport, calls = scripted([response(*BUSY)] * 3)
    with kind("http://x", retries=QUICK, transport=transport) as client, pytest.raises(ServiceError, match="503 busy"):
        client.class_names()
    assert len(calls) == 3
    transport, calls = scripted([httpx.ConnectError("away")] * 4)
    with kind("http://x", retries=QUICK, transport=transport) as client:
        with pytest.raises(httpx.ConnectError):
            client.class_names()
        assert len(calls) == 3
        assert client.ready() is False


def test_refusals_are_not_repeated(kind):
    transport, calls = scripted([response(422, {"error": {"code": "empty", "message": "m"}}, {})])
    with kind("http://x", retries=QUICK, transport=transport) as client, pytest.raises(ServiceError, match="empty"):
        client.class_names()
    assert len(calls) == 1


@pytest.mark.parametrize("body", [b"<html>502</html>", b"[]", b"", b'{"error": "x"}'])
def test_answers_of_a_proxy_are_errors_too(kind, body):
    for status in (500, 404):
        transport, _ = scripted([httpx.Response(status, content=body)])
        with kind("http://x", transport=transport) as client, pytest.raises(ServiceError, match="http"):
            client.class_names()
    transport, _ = scripted([httpx.Response(200, content=b"<html>")])
    with kind("http://x", transport=transport) as client, pytest.raises(ServiceError):
        client.class_names()


def test_pauses_grow_and_obey_the_service(monkeypatch):
    monkeypatch.undo()
    retries = Retries()
    assert retries.pause(1, "3") == 3
    assert retries.pause(1, "9999") == 10
    assert 0.1 <= retries.pause(1, None) <= 0.2
    assert 5 <= retries.pause(9, "Wed, 21 Oct 2015 07:28:00 GMT") <= 10
