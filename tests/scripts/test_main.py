"""The whole chain as one command: which key goes where, and what is said in the end."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support.bundles import make_bundle

SCRIPT = Path(__file__).parents[2] / "scripts" / "main.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("main_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_keys_of_the_data_and_of_the_experiments_are_told_apart(script: ModuleType) -> None:
    given = ["source=photos/", "name=flowers", "size=64", "epochs=5", "seeds=0", "grid.optim.lr=0.1,0.2", "jobs=2"]
    assert script.split(given) == (
        ["source=photos/", "name=flowers", "size=64", "jobs=2"],
        ["epochs=5", "seeds=0", "grid.optim.lr=0.1,0.2"],
    )


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("epochss=5", "did you mean 'epochs'?"),
        ("epochs=many", "epochs=many is not a whole number"),
        ("--epochs", "write epochs="),
    ],
)
def test_a_slip_is_said_before_anything_is_made(tmp_path: Path, argument: str, said: str) -> None:
    command = [sys.executable, str(SCRIPT), argument]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "data").exists()


def test_the_end_says_what_was_found_and_what_to_type(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bundle(tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(script.cli.JUST, raising=False)
    test = {"images": 312, "accuracy": {"value": 0.973, "low": 0.949, "high": 0.986}}
    selection = {"experiment": "photos/probe", "test": test, "validation": {"accuracy": 0.98}}
    text = "\n".join(script.findings("flowers", True, selection, 75.2))
    assert "97.3% of 312 test images right (94.9% to 98.6%)" in text
    assert "just serve" in text
    assert "eval" not in text
    assert max(map(len, text.splitlines())) <= 80
    monkeypatch.setenv(script.cli.JUST, "sh scripts/just.sh")
    text = "\n".join(script.findings("flowers", False, {**selection, "test": None}, 75.2))
    assert "98.0% of the validation images right; there is no test split" in text
    assert "the audit doubts the data: reports/audit-flowers.html" in text
    assert 'eval "$(sh scripts/just.sh shell)"' in text
    assert max(map(len, text.splitlines())) <= 80
