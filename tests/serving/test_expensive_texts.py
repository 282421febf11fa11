"""Texts that are dear to cut into tokens cost no more than their deadline, and health answers all the while."""

import json

import psutil
import pytest

from kedja.baselines.fit import run as fit
from kedja.export.bundle import export
from support import texts
from support.servers import Server, wait_until

JSON = "application/json"
PIECES = "b" * 99 + " "  # one of the dearest: every letter a token of its own
HOSTILE = {
    "100 kB of words in many pieces": (200, PIECES * 1000),
    "one word of 100 kB": (200, "a" * 100_000),
    "full stops": (200, "." * 100_000),
    "marks of the tokenizer": (200, "[CLS][SEP][PAD]" * 6000),
    "accents upon an a": (200, "a" + "\u0301" * 49_000),
    "ligatures of eighteen letters": (200, "\ufdfa" * 33_000),
    "NUL, escapes and the direction of writing": (200, "\0\x1b[2J\u202e\x7f" * 5000),
    "emoji in families": (200, "👩‍👩‍👧‍👦" * 3500),
    "too long by a byte": (413, "a" * 100_001),
    "20 MB": (413, "word " * 3_900_000),
    "white space": (422, " \n" * 50_000),
    "half a surrogate pair": ((400, 422), "a\ud800"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("texts")
    texts.dataset(root, length=32)
    run = fit("tfidf", texts.load(root / "data/texts"), 0, root / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        export(run, root / "bundle")
    found = Server(root / "log", f"bundle={root / 'bundle'}", "deadline=6", "decoders=1", "access_log=false")
    yield found
    found.end()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_is_answered_or_refused(server, name):
    status, text = HOSTILE[name]
    # As json.dumps writes it, so that what is no character gets there.
    answer = server.request("POST", "/predict", json.dumps({"text": text}).encode(), Content_Type=JSON)
    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer.body[:300]
    assert len(answer.body) < 2000
    if name != "half a surrogate pair":
        plain = server.request("POST", "/predict", text.encode(), Content_Type="text/plain; charset=utf-8")
        assert plain.status in (answer.status, 400), plain.body[:300]
        if answer.status == 200:
            assert plain.json()["probabilities"] == answer.json()["probabilities"]


def test_a_request_of_many_long_texts_ends_at_its_deadline(server):
    """64 of them would take half a minute of a thread that nobody can end."""
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    body = json.dumps({"texts": [PIECES * 1000] * 64}).encode()
    answer = server.request("POST", "/predict", body, Content_Type=JSON)
    assert (answer.status, answer.json()["error"]["code"]) == (503, "deadline")
    # The service's own time, without its decoders'.
    assert sum(process.cpu_times()[:2]) - before < 6
    wait_until(lambda: server.request("POST", "/predict", b"my card", Content_Type="text/plain").status == 200)


@pytest.mark.parametrize("texts", [["a"] * 65, ["a"] * 1_000_000, [], [""], [1], ["a", None], [["a"]], "a", None])
def test_lists_that_are_none(server, texts):
    body = json.dumps({"texts": texts}).encode()
    assert server.request("POST", "/predict", body, Content_Type=JSON).status in (413, 422)


def test_many_short_texts_are_answered_in_their_order(server):
    body = json.dumps({"texts": ["my card", "a hotel"] * 32}).encode()
    answers = server.request("POST", "/predict", body, Content_Type=JSON).json()["predictions"]
    assert len(answers) == 64
    assert answers[::2] == answers[:1] * 32
    assert answers[1::2] == answers[1:2] * 32
    assert answers[0] != answers[1]
