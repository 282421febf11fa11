import json
from pathlib import Path

import pytest

from kedja.environment import checks, stamp

ROOT = Path(__file__).resolve().parents[2]


def test_this_environment_is_sound(tmp_path, script):
    done = script(ROOT, "check_env.py", "--json", f"output={tmp_path / 'env.json'}")
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["ok"]
    assert json.loads((tmp_path / "env.json").read_text()) == report
    assert {"python", "packages", "files", "pytorch", "device cpu", "onnx runtime", "git", "dvc", "disk"} <= {
        check["name"] for check in report["checks"]
    }


def test_it_explains_itself_where_nothing_is_installed(clone, script):
    done = script(clone, "check_env.py")
    assert done.returncode == 1
    assert "there is no environment" in done.stdout
    assert "packages: just env" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not json.loads((clone / "reports" / "env.json").read_text())["ok"]


def test_a_broken_package_is_named(clone, script):
    assert script(clone, "sync_env.py", "groups=serve").returncode == 0
    (package,) = (clone / ".venv").glob("lib/python3*/site-packages/onnxruntime")
    (package / "__init__.py").write_text("raise ImportError('a damaged disk')")
    done = script(clone, "check_env.py", "json=true")
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert found["packages"]["status"] == "ok"
    assert "onnxruntime/__init__.py" in found["files"]["detail"]
    assert "a damaged disk" in found["onnx runtime"]["detail"]
    assert found["onnx runtime"]["advice"]
    assert "pytorch" not in found, "the serving group has none"


def test_packages_are_held_against_the_lock(clone, script):
    assert script(clone, "sync_env.py", "groups=serve").returncode == 0
    (record,) = (clone / ".venv").glob("lib/python3*/site-packages/msgspec-*.dist-info")
    record.rename(record.with_name("msgspec-0.0.1.dist-info"))
    metadata = record.with_name("msgspec-0.0.1.dist-info") / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: msgspec\nVersion: 0.0.1\n")
    (missing,) = (clone / ".venv").glob("lib/python3*/site-packages/uvicorn-*.dist-info")
    missing.rename(clone / "elsewhere")
    (check,) = [c for c in checks.run_all(clone) if c.name == "packages"]
    assert check.status == "failed"
    assert "msgspec 0.0.1" in check.detail
    assert "missing: uvicorn" in check.detail
    assert check.advice == "just env groups=serve"


def test_a_check_that_breaks_does_not_end_the_others(monkeypatch, tmp_path):
    def broken(*arguments):
        raise RuntimeError("unheard of")

    monkeypatch.setattr(checks, "python_version", broken)
    found = {check.name: check for check in checks.run_all(tmp_path)}
    assert "unheard of" in found["python"].detail
    assert found["git"].status == "ok"


@pytest.mark.parametrize(("error", "status"), [(1e-6, "ok"), (0.5, "failed"), (float("nan"), "failed")])
def test_a_device_that_computes_wrongly_fails(monkeypatch, error, status):
    device = {
        "device": "cuda:0",
        "name": "a card",
        "memory_bytes": 24 << 30,
        "product_error": error,
        "gradient_error": 0,
    }
    report = {"version": "2", "cuda": "13", "hip": None, "devices": [device]}
    monkeypatch.setattr(checks, "_probe", lambda *_: (report, ""))
    found = {check.name: check for check in checks.accelerators(Path("python"))}
    assert found["device cuda:0"].status == status
    assert "24 GiB" in found["device cuda:0"].detail


def test_git_may_be_missing_where_there_is_no_history(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checks.git(tmp_path).status == "warning"
    (tmp_path / ".git").mkdir()
    assert checks.git(tmp_path).status == "failed"


def test_an_unreadable_stamp_is_no_stamp(tmp_path):
    stamp.path(tmp_path).parent.mkdir()
    stamp.path(tmp_path).write_text('{"state": "ready"')
    assert stamp.read(tmp_path) is None
