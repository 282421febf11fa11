import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def regression():
    specification = importlib.util.spec_from_file_location("regression", ROOT / "benchmarks" / "regression.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["regression"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["regression"]


@pytest.mark.parametrize(
    ("ratios", "slower"),
    [([1.3, 1.4, 1.25], True), ([1.0, 1.0, 1.0], False), ([1.5, 1.4, 0.9], False), ([1.1, 1.15, 1.19], False)],
)
def test_an_alarm_needs_the_median_and_every_round(regression, ratios, slower):
    assert regression.is_slower(ratios, 1.2) == slower


def repository(folder):
    """A repository whose second commit makes preprocessing wait."""
    source = folder / "src" / "kedja"
    (folder / "benchmarks").mkdir(parents=True)
    for name in ("regression.py", "regression_probe.py"):
        (folder / "benchmarks" / name).write_text((ROOT / "benchmarks" / name).read_text())
    shutil.copytree(ROOT / "src" / "kedja", source, ignore=shutil.ignore_patterns("__pycache__"))
    preprocess = source / "bundle" / "inputs" / "image" / "preprocess.py"
    git(folder, "init", "-q")
    git(folder, "add", "src")
    git(folder, "commit", "-qm", "feat: quick")
    text = preprocess.read_text()
    slow = "import time as _time\n\n_quick = preprocess\n\n\ndef preprocess(*arguments, **settings):\n"
    slow += "    until = _time.process_time() + 0.02\n    while _time.process_time() < until:\n        pass\n"
    preprocess.write_text(f"{text}\n\n{slow}    return _quick(*arguments, **settings)\n")
    git(folder, "commit", "-qam", "feat: slow")


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def run(folder, *arguments):
    command = [sys.executable, folder / "benchmarks" / "regression.py", "cases=preprocess", "rounds=1", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_slower_commit_is_told(tmp_path):
    repository(tmp_path)
    done = run(tmp_path, "limit=2")
    assert done.returncode == 1, done.stderr
    assert "alarm: preprocess became slower" in done.stderr
    report = json.loads((tmp_path / "reports" / "regression.json").read_text())
    assert report["alarms"] == ["preprocess"]
    assert report["cases"]["preprocess"]["ratios"][0] > 2
    assert subprocess.run(["git", "status", "--porcelain", "src"], cwd=tmp_path, capture_output=True).stdout == b""


def test_a_commit_from_before_the_modules_moved_is_compared(tmp_path):
    repository(tmp_path)
    package = tmp_path / "src" / "kedja"
    moved = {"inputs/image/preprocess": "preprocess", "inputs/image/spec": "image_spec"}
    for now, before in moved.items():
        (package / "bundle" / f"{now}.py").rename(package / "bundle" / f"{before}.py")
    for file in package.rglob("*.py"):
        text = file.read_text()
        for now, before in moved.items():
            text = text.replace(f"kedja.bundle.{now.replace('/', '.')}", f"kedja.bundle.{before}")
        file.write_text(text)
    git(tmp_path, "add", "src")
    git(tmp_path, "commit", "-qam", "refactor: as it was")
    done = run(tmp_path, "limit=1000")
    assert done.returncode == 0, done.stderr
    assert "preprocess" in done.stdout


@pytest.mark.parametrize(
    ("argument", "complaint"), [("reference=nowhere", "no commit nowhere"), ("cases=speed", "speed")]
)
def test_a_mistake_is_one_message(argument, complaint):
    command = [sys.executable, ROOT / "benchmarks" / "regression.py", argument]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
