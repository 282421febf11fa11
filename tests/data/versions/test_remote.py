import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.data.settings import Settings
from kedja.data.versions.difference import difference
from kedja.data.versions.dvc import cache_folder
from kedja.data.versions.folder_hash import read_folder
from kedja.data.versions.obtain import obtain
from kedja.data.versions.pins import read_pins
from kedja.data.versions.remote import pull, push, status
from support.pictures import encode, picture


def configure(root, url, extra=""):
    with (root / ".dvc" / "config").open("a") as file:
        file.write(f"    remote = storage\n['remote \"storage\"']\n    url = {url}\n{extra}")


def forget(root):
    """A clone that has the pointer and nothing else."""
    shutil.rmtree(root / "data")
    shutil.rmtree(root / ".dvc" / "cache")


def whole(root):
    return read_folder(root / "data" / "pets").hash == read_pins(root)["pets"].hash


def test_without_a_remote_the_remedy_is_named(pets):
    for action in (push, pull):
        with pytest.raises(KedjaError, match="dvc remote add"):
            action(pets)
    assert [(s.here, s.cached, s.remote) for s in status(pets)] == [("verified", True, "no remote")]


def test_a_folder_as_remote(pets, tmp_path):
    configure(pets, tmp_path / "remote")
    assert status(pets)[0].remote == "no"
    assert "on the remote" in push(pets)[0]
    assert status(pets)[0].remote == "yes"
    # The pinned folder is three files, its listing, and the samples: never a file an image.
    forget(pets)
    assert "verified" in pull(pets, "pets")[0]
    assert whole(pets)


def test_a_data_set_is_kept_where_others_were_not_fetched(pets, tmp_path, capsys):
    configure(pets, tmp_path / "remote")
    before = read_pins(pets)["pets"]
    forget(pets)
    obtain("digits", pets, Settings(source="digits"))
    assert "did not take" not in capsys.readouterr().err
    assert read_pins(pets)["pets"] == before
    assert "on the remote" in push(pets, "digits")[0]


def test_a_remote_that_lacks_it_says_so(pets, tmp_path):
    configure(pets, tmp_path / "remote")
    forget(pets)
    with pytest.raises(KedjaError, match="just data-push"):
        pull(pets)


def test_a_damaged_remote_is_found_out(pets, tmp_path):
    configure(pets, tmp_path / "remote")
    push(pets)
    forget(pets)
    images = max((p for p in (tmp_path / "remote").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    images.chmod(0o644)
    images.write_bytes(images.read_bytes()[:-1] + b"\x00")
    with pytest.raises(KedjaError, match=r"images.npy changed(.|\n)*remote's copy is damaged"):
        pull(pets)


def test_a_damaged_cache_is_fetched_again(pets, tmp_path):
    configure(pets, tmp_path / "remote")
    push(pets)
    shutil.rmtree(pets / "data")
    for path in (p for p in cache_folder(pets).rglob("*") if p.is_file()):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b"!")
    pull(pets)
    assert whole(pets)


def test_what_is_not_pinned_is_not_pushed(pets, tmp_path):
    configure(pets, tmp_path / "remote")
    (pets / "data" / "pets" / "index.csv").write_text("damaged")
    with pytest.raises(KedjaError, match=r"index\.csv changed"):
        push(pets)
    assert status(pets)[0].here == "index.csv changed"


def test_an_unknown_name_says_the_nearest(pets, tmp_path):
    configure(pets, tmp_path / "remote")
    with pytest.raises(KedjaError, match="did you mean 'pets'"):
        push(pets, "pest")


@pytest.fixture
def s3(tmp_path, monkeypatch):
    """moto's S3 server over HTTP, with a bucket; its address."""
    log = (tmp_path / "moto.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", "0", "-H", "127.0.0.1"], stdout=log, stderr=subprocess.STDOUT
    )
    address = _address(tmp_path / "moto.log", process)
    for key, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",  # pragma: allowlist secret
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(key, value)
    urllib.request.urlopen(urllib.request.Request(f"{address}/bucket", method="PUT")).close()
    yield address
    process.terminate()
    process.wait(60)
    log.close()


def _address(log: Path, process) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for word in log.read_text().split():
            if word.startswith("http://127.0.0.1:"):
                return word
        time.sleep(0.1)
    raise RuntimeError(f"moto did not start: {log.read_text()}")


@pytest.mark.slow
def test_s3_over_http(pets, s3, monkeypatch):
    configure(pets, "s3://bucket/data", f"    endpointurl = {s3}\n")
    push(pets)
    assert status(pets)[0].remote == "yes"
    forget(pets)
    pull(pets)
    assert whole(pets)


@pytest.mark.slow
def test_s3_says_what_is_wrong(pets, s3, monkeypatch):
    configure(pets, "s3://no-such-bucket/data", f"    endpointurl = {s3}\n")
    with pytest.raises(KedjaError, match="create the bucket"):
        push(pets)
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(pets))
    with pytest.raises(KedjaError, match="AWS_ACCESS_KEY_ID"):
        push(pets)


def git(root, *arguments):
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    subprocess.run(["git", *arguments], cwd=root, env={**os.environ, **identity}, check=True, capture_output=True)


def test_the_difference_between_two_commits(pets):
    git(pets, "init")
    git(pets, "add", "data.dvc")
    git(pets, "commit", "-m", "pets")
    assert difference(pets, "HEAD") == []
    (pets / "photos" / "cat" / "new.png").write_bytes(encode(picture(555)))
    (pets / "photos" / "dog" / "0.png").rename(pets / "photos" / "cat" / "moved.png")
    (pets / "photos" / "dog" / "1.png").write_bytes(encode(picture(556)))
    obtain("pets", pets, Settings(source=str(pets / "photos")))
    text = "\n".join(difference(pets, "HEAD"))
    assert "2 images added: cat/moved.png, cat/new.png" in text
    assert "1 images removed: dog/0.png" in text
    assert "1 images with other content: dog/1.png" in text
    with pytest.raises(KedjaError, match="rev=nonsense"):
        difference(pets, "nonsense")
