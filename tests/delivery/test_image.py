import subprocess
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.delivery import engine, image
from kedja.delivery.engine import Engine
from kedja.delivery.image import Built
from support.bundles import make_bundle

DOCKERFILE = "ARG BASE=some/base:1@sha256:00\nFROM ${BASE} AS serve\n"


def program(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "clone"
    root.mkdir()
    (root / "Dockerfile").write_text(DOCKERFILE)
    make_bundle(root / "bundle")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", "https://someone:secret@host.example/kedja.git"],  # pragma: allowlist secret
        [*identity, "commit", "-q", "--allow-empty", "-m", "first", "--date", "2026-01-02T03:04:05Z"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """A podman that writes down what it is called with, and tells sizes and layers."""
    calls = tmp_path / "calls"
    programs = tmp_path / "programs"
    programs.mkdir()
    program(
        programs,
        "podman",
        f"""printf '%s\\n' "$*" >>'{calls}'
case "$*" in
*"{{{{.Size}}}} kedja-serve") echo 300 ;;
*"{{{{.Size}}}}"*) echo 200 ;;
*Layers*) echo '["sha256:1", "sha256:2"]' ;;
esac""",
    )
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return lambda: calls.read_text().splitlines()


def test_a_build_is_labelled_by_its_commit_and_dated_alike(repository, recorder):
    built = image.build(repository, engine.find("podman"), image.Recipe("serve", "kedja-serve"))
    assert built.bytes_over_base == 100
    assert built.layers == ["sha256:1", "sha256:2"]
    call = next(line for line in recorder() if line.startswith("build"))
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True).stdout.strip()
    assert f"REVISION={head}" in call
    assert "--timestamp 315532800" in call
    assert "BASE=some/base:1@sha256:00" in call
    assert "BUNDLE=bundle" in call
    assert "secret" not in call


def test_a_mirror_is_handed_on(repository, recorder, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.example/simple")
    image.build(repository, engine.find("podman"), image.Recipe("serve", "kedja-serve"))
    assert any("--build-arg UV_DEFAULT_INDEX=https://mirror.example/simple" in line for line in recorder())


def test_without_a_bundle_inside_one_is_mounted(repository, recorder):
    image.build(repository, engine.find("podman"), image.Recipe("serve", "kedja-serve", bundle=None))
    assert any("BUNDLE=deploy/image/no-bundle" in line for line in recorder())


@pytest.mark.parametrize(("bundle", "complaint"), [("../elsewhere", "outside the repository"), ("runs", "no bundle")])
def test_a_bundle_that_cannot_go_in_is_refused_before_the_build(repository, recorder, bundle, complaint):
    with pytest.raises(KedjaError, match=complaint):
        image.build(repository, Engine("podman"), image.Recipe("serve", "kedja-serve", bundle=Path(bundle)))


def test_an_engine_whose_daemon_is_down_is_passed_over(tmp_path, monkeypatch):
    program(tmp_path, "docker", "exit 1")
    program(tmp_path, "podman", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine.find().program == "podman"
    with pytest.raises(KedjaError, match="docker does not answer"):
        engine.find("docker")


def test_no_engine_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KedjaError, match="no container engine"):
        engine.find()


def test_a_failed_build_is_one_message(repository, tmp_path):
    program(tmp_path, "podman", "exit 3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with pytest.raises(KedjaError, match="could not build"):
            image.build(repository, Engine("podman"), image.Recipe("serve", "kedja-serve"))


def test_layers_that_differ_are_named():
    one = Built("a", 0, 0, ["base", "x", "y"])
    image.check_reproducible(one, Built("b", 0, 0, ["base", "x", "y"]))
    with pytest.raises(KedjaError, match="layer 2 of 3"):
        image.check_reproducible(one, Built("b", 0, 0, ["base", "z", "y"]))
    with pytest.raises(KedjaError, match="3 and 2 layers"):
        image.check_reproducible(one, Built("b", 0, 0, ["base", "x"]))
