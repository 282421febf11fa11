"""The benchmark of the service, for a second, on a small bundle."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.bundles import make_bundle

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
ONE_SECOND = ["servers=kedja", "case=pixels", "concurrency=2", "seconds=1", "rounds=1"]


def run(folder, **variables):
    command = [sys.executable, BENCHMARKS / "serving.py", f"bundle={folder / 'bundle'}", f"reports={folder}"]
    command += ONE_SECOND
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_the_table_is_printed_written_and_put_into_the_summary(tmp_path):
    make_bundle(tmp_path / "bundle")
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = run(tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "serving-pixels.md").read_text()
    (row,) = [line for line in report.splitlines() if line.startswith("| kedja | 2 |")]
    assert float(row.split("|")[3]) > 0
    assert row.count("1.00 (1.00–1.00)") == 2
    assert report in done.stdout
    assert summary.read_text() == f"before\n{report}\n"


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_every_setting_stands_beside_the_defaults(tmp_path):
    make_bundle(tmp_path / "bundle")
    command = [
        sys.executable,
        BENCHMARKS / "serving_growth.py",
        f"bundles={tmp_path / 'bundle'}",
        f"reports={tmp_path}",
    ]
    command += ["case=pixels", "workers=1,2", "batches=4,8", "connections=2", "seconds=1", "rounds=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in (tmp_path / "serving-growth-pixels.md").read_text().splitlines()[3:]]
    assert [row[1] for row in rows[2:]] == ["defaults", "workers=2", "max_batch=4"]
    assert all(float(row[2]) > 0 for row in rows[2:])


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_the_service_stands_beside_its_limit(tmp_path):
    make_bundle(tmp_path / "bundle")
    command = [sys.executable, BENCHMARKS / "serving_limit.py", f"bundle={tmp_path / 'bundle'}"]
    done = subprocess.run([*command, "connections=2", "seconds=1", "rounds=1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, share, added = done.stdout.splitlines()
    # Decoding and a tiny network take no time: most of a request is HTTP.
    assert 0 < float(share.split()[3]) < 1
    assert float(added.split()[3]) > 0


def test_without_wrk_it_says_how_to_get_it(tmp_path):
    done = run(tmp_path, PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "error: wrk is not installed\n  → apt-get install wrk, brew install wrk, or install=true\n"
