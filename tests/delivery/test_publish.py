import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.delivery import publish
from kedja.delivery.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """podman, cosign and gh that write down how they are called and what they are given."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("podman", "cosign", "gh"):
        (folder / name).write_text(
            f"""#!/bin/sh
echo "{name} $*" >>'{tmp_path}/calls'
case "$*" in
*--password-stdin*) cat >'{tmp_path}/secret' ;;
*RepoDigests*) echo 'ghcr.io/owner/kedja@{DIGEST}' ;;
esac
"""
        )
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("REGISTRY_TOKEN", raising=False)
    return tmp_path


def calls(folder):
    return (folder / "calls").read_text()


def test_an_image_is_pushed_and_signed_by_its_digest(programs, monkeypatch):
    output = programs / "output"
    monkeypatch.setenv("REGISTRY_TOKEN", "very-secret")
    monkeypatch.setenv("REGISTRY_USER", "someone")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    arguments = ["image=ghcr.io/Owner/kedja", "version=v1.2.3", "sign=true", "engine=podman"]
    command = [sys.executable, ROOT / "scripts" / "publish.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "podman login ghcr.io --password-stdin --username someone" in calls(programs)
    assert "podman push ghcr.io/owner/kedja:v1.2.3" in calls(programs)
    assert f"cosign sign --yes ghcr.io/owner/kedja@{DIGEST}" in calls(programs)
    assert (programs / "secret").read_text() == "very-secret"
    assert "very-secret" not in calls(programs) + done.stdout + done.stderr
    assert output.read_text() == f"digest={DIGEST}\n"


def test_a_registry_that_tells_no_digest_is_a_failure(programs):
    with pytest.raises(KedjaError, match="told no digest"):
        publish.push(Engine("podman"), "kedja-serve", "elsewhere.example/kedja", "v1")


def test_a_release_attaches_the_bundle(programs):
    (programs / "bundle").mkdir()
    (programs / "bundle" / "model.onnx").write_bytes(b"model")
    packed = publish.archive(programs / "bundle", programs / "out" / "bundle.tar.gz")
    publish.release("v1.2.3", [packed], "notes")
    assert f"gh release create v1.2.3 --verify-tag --title v1.2.3 --notes notes {packed}" in calls(programs)
    with tarfile.open(packed) as archive:
        assert archive.getnames() == ["bundle", "bundle/model.onnx"]
        assert {member.mtime for member in archive} == {0}


def test_a_missing_program_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KedjaError, match="cosign was not found"):
        publish.sign("a/b", DIGEST)


def test_nothing_to_release_is_one_message(tmp_path):
    with pytest.raises(KedjaError, match="just main"):
        publish.archive(tmp_path / "bundle", tmp_path / "x.tar.gz")
