import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.serving import keys
from kedja.serving.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.txt"


def test_a_key_is_kept_as_a_hash_for_its_owner_alone(file):
    alice, bob = keys.add(file, "alice"), keys.add(file, "bob")
    assert alice != bob
    assert alice not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    known = keys.Keys(file)
    assert (known.owner(alice), known.owner(bob)) == ("alice", "bob")
    for wrong in ("", "kedja_", alice[:-1], alice + "x", alice.upper(), "ä"):
        assert known.owner(wrong) is None


def test_keys_are_renewed_while_the_service_runs(file, monkeypatch):
    monkeypatch.setattr(keys, "_SECONDS_BETWEEN_LOOKS", 0)
    old = keys.add(file, "alice")
    known = keys.Keys(file)
    new = keys.add(file, "alice-2")
    assert (known.owner(old), known.owner(new)) == ("alice", "alice-2")
    file.write_text(file.read_text().splitlines()[1])
    assert (known.owner(old), known.owner(new)) == (None, "alice-2")


@pytest.mark.parametrize("text", ["", "\n", "# all of them are revoked\n"])
def test_a_file_that_was_emptied_leaves_no_key_valid(file, text, monkeypatch):
    monkeypatch.setattr(keys, "_SECONDS_BETWEEN_LOOKS", 0)
    key = keys.add(file, "alice")
    results = []
    known = keys.Keys(file, results.append)
    file.write_text(text)
    assert known.owner(key) is known.owner("") is None
    assert results == ["read"]
    assert keys.Keys(file).owner(key) is None  # nor after a new start
    again = keys.add(file, "alice")
    assert (known.owner(key), known.owner(again)) == (None, "alice")


@pytest.mark.parametrize("content", [b"half a li", b"alice:abc\n", b"\xff\xfe\x00", None])
def test_a_missing_or_malformed_file_keeps_the_last_good_keys_and_says_so(file, content, monkeypatch, caplog):
    monkeypatch.setattr(keys, "_SECONDS_BETWEEN_LOOKS", 0)
    key = keys.add(file, "alice")
    good, results = file.read_bytes(), []
    known = keys.Keys(file, results.append)
    file.unlink() if content is None else file.write_bytes(content)
    assert [known.owner(key) for _ in range(3)] == ["alice"] * 3
    assert known.owner("") is None
    assert results == ["refused"]
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert errors[0].startswith(f"the keys stay as they were: {file}")
    with pytest.raises(KedjaError, match="cannot be read" if content is None else "line 1 is not"):
        keys.Keys(file)
    file.write_bytes(good)
    assert known.owner(key) == "alice"
    assert results == ["refused", "read"]


def test_two_edits_of_one_moment_are_both_seen(file, monkeypatch):
    monkeypatch.setattr(keys, "_SECONDS_BETWEEN_LOOKS", 0)
    key = keys.add(file, "alice")
    known, before = keys.Keys(file), file.stat()
    file.write_text(f"# {file.read_text()[2:]}")  # as long as before
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known.owner(key) is None


def test_revoking_shows_in_metrics(serve_here, file, monkeypatch):
    monkeypatch.setattr(keys, "_SECONDS_BETWEEN_LOOKS", 0)
    key = {"X-API-Key": keys.add(file, "alice")}
    client = serve_here(keys=file)
    good = file.read_text()
    file.write_text("mangled")
    assert 'kedja_key_files_total{result="refused"} 1.0' in client.get("/metrics", headers=key).text
    file.write_text("")
    assert client.get("/metrics", headers=key).status_code == 401
    file.write_text(good)
    assert 'kedja_key_files_total{result="read"} 2.0' in client.get("/metrics", headers=key).text


def test_a_name_is_a_plain_word(file):
    for name in ("", "a b", "a:b", "a\nb", "x" * 65):
        with pytest.raises(KedjaError, match="no name"):
            keys.add(file, name)


@pytest.mark.skipif(os.name != "posix", reason="file rights are POSIX's")
def test_unsafe_files_are_refused_at_start(file):
    keys.add(file, "alice")
    file.chmod(0o666)
    with pytest.raises(KedjaError, match="can be written by others"):
        Settings(keys=file)
    file.chmod(0o644)
    assert Settings(keys=file)
    with pytest.raises(KedjaError, match="can be used by others"):
        Settings(tls_key=file, tls_certificate=file)
    with pytest.raises(KedjaError, match="both"):
        Settings(tls_key=file)
    with pytest.raises(KedjaError, match="is no file"):
        Settings(keys=file.with_name("nowhere"))


def test_what_needs_a_key_and_what_does_not(serve_here, file, digits):
    key = keys.add(file, "alice")
    client = serve_here(keys=file)
    sample = (digits / "samples/0.png").read_bytes()
    for path in ("/", "/docs", "/monitor", "/page/app.js", "/health/live", "/health/ready", "/openapi.json"):
        assert client.get(path).status_code == 200
    for path in ("/model", "/class-names", "/random-image", "/metrics", "/drift"):
        response = client.get(path)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["error"]["code"] == "unauthorised"
        assert response.json()["error"]["request_id"] == response.headers["x-request-id"]
        assert client.get(path, headers={"X-API-Key": key}).status_code == 200
    image = {"Content-Type": "image/png"}
    assert client.post("/predict", content=sample, headers=image).status_code == 401
    for given in ({"Authorization": f"Bearer {key}"}, {"Authorization": f"bearer  {key} "}, {"X-API-Key": key}):
        assert client.post("/predict", content=sample, headers={**image, **given}).status_code == 200
    for wrong in ({"Authorization": key}, {"Authorization": f"Basic {key}"}, {"X-API-Key": key + "x"}):
        assert client.post("/predict", content=sample, headers={**image, **wrong}).status_code == 401
    assert client.get("/openapi.json").json()["paths"]["/predict"]["post"]["security"] == [{"key": []}]


def test_the_script_prints_a_key_that_works(file):
    command = [sys.executable, ROOT / "scripts/api_key.py", "name=alice", f"keys={file}"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert keys.Keys(file).owner(result.stdout.split()[0]) == "alice"
