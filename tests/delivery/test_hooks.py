"""The commit hooks, run by pre-commit over files that must not come in."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path):
    """A repository with this project's hooks and environment, and one harmless commit."""
    for name in (".pre-commit-config.yaml", ".secrets.baseline", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / ".gitignore").write_text(".venv\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, "commit", "-q", "-m", "chore: begin"], cwd=tmp_path, check=True)
    return tmp_path


def run(repository, *arguments):
    environment = {**os.environ, "PRE_COMMIT_HOME": str(repository / ".git" / "pre-commit")}
    command = [sys.executable, "-m", "pre_commit", "run", *arguments]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)
    results = {}
    for line in done.stdout.splitlines():
        if line.endswith(("Passed", "Failed", "Skipped")):
            results[line.partition(".")[0].partition("(")[0]] = line.rpartition(".")[2].removeprefix(
                "(no files to check)"
            )
    return results, done.stdout


def test_what_must_not_come_in_is_stopped(repository):
    notebook = {
        "cells": [
            {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "source": "1", "outputs": []},
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    secret = "AKIA" + "IOSFODNN7" + "EXAMPLF"  # pragma: allowlist secret
    (repository / "run.ipynb").write_text(json.dumps(notebook, indent=1) + "\n")
    (repository / "key.py").write_text(f'key = "{secret}"\n')
    (repository / "large.bin").write_bytes(b"x" * 600_000)
    (repository / "marks.txt").write_text("trailing \nno last newline")
    (repository / "script.sh").write_text("#!/bin/sh\necho $1\n")
    (repository / "style.py").write_text("import os\n")
    (repository / "format.py").write_text("x = { 1 }\n")
    subprocess.run(["git", "add", "."], cwd=repository, check=True)
    results, output = run(repository)
    expected = (
        *("no large files", "no secrets", "notebooks without outputs", "last line ends", "no trailing spaces"),
        *("shell scripts", "style", "format"),
    )
    assert {name: results.get(name) for name in expected} == dict.fromkeys(expected, "Failed"), output
    assert secret not in output, "the report itself must not spread it"


def test_a_harmless_change_passes(repository):
    (repository / "fine.py").write_text('"""Fine."""\n')
    subprocess.run(["git", "add", "."], cwd=repository, check=True)
    results, output = run(repository)
    assert "Failed" not in results.values(), output
    assert results["format"] == "Passed"


@pytest.mark.parametrize(
    ("message", "verdict"),
    [("feat: read WebP", "Passed"), ("fix(serving): x", "Passed"), ("Reads WebP", "Failed"), ("style: x", "Failed")],
)
def test_messages_are_conventional(repository, message, verdict):
    file = repository / ".git" / "MESSAGE"
    file.write_text(message + "\n")
    results, output = run(repository, "--hook-stage", "commit-msg", "--commit-msg-filename", str(file))
    assert results["conventional message"] == verdict, output


@pytest.mark.parametrize(
    ("subject", "comes_in"),
    [(None, True), ("feat: a branch's work", True), ("All of a branch's work", False), ("Merge what I had", False)],
)
def test_a_merge_has_gits_subject_or_a_conventional_one(repository, subject, comes_in):
    environment = os.environ | {"PRE_COMMIT_HOME": str(repository / ".git" / "pre-commit")}
    environment |= {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=repository, env=environment, capture_output=True, text=True)

    git("checkout", "-qb", "feature/a")
    assert git("commit", "--allow-empty", "-m", "feat: a").returncode == 0
    git("checkout", "-q", "-")
    install = [sys.executable, "-m", "pre_commit", "install", "--hook-type", "commit-msg"]
    subprocess.run(install, cwd=repository, env=environment, check=True, capture_output=True)
    merged = git("merge", "--no-ff", "--no-edit", *(["-m", subject] if subject else []), "feature/a")
    assert (merged.returncode == 0) == comes_in, merged.stdout + merged.stderr
