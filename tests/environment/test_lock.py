import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.common.errors import KedjaError
from kedja.environment import lock

ROOT = Path(__file__).resolve().parents[2]

name = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)


def test_the_lock_holds_no_address():
    assert "://" not in (ROOT / "uv.lock").read_text()


def test_every_artifact_of_the_lock_has_its_hash():
    artifacts = re.findall(r"\{ path = .*", (ROOT / "uv.lock").read_text())
    assert len(artifacts) > 1000
    assert all('hash = "sha256:' in artifact for artifact in artifacts)


@given(host=name, folder=name, file=name)
def test_neutralising_keeps_the_file_name_and_nothing_of_the_address(host, folder, file):
    text = f"""[[package]]
source = {{ registry = "https://{host}.example/simple" }}
wheels = [
    {{ url = "https://{host}.example/{folder}/{file}.whl", hash = "sha256:00", size = 7 }},
]
"""
    neutral = lock.neutralise(text)
    assert f'{{ path = "{file}.whl", hash = "sha256:00" }}' in neutral
    assert 'source = { registry = "pypi" }' in neutral
    assert "example" not in neutral
    assert lock.neutralise(neutral) == neutral


def test_a_dependency_on_a_repository_is_refused_with_its_line():
    with pytest.raises(KedjaError, match=r"uv\.lock:2 .*git"):
        lock.neutralise('[[package]]\nsource = { git = "https://host.example/x" }\n')


def test_a_lock_that_uv_refuses_leaves_the_old_one(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11,<3.10"\n')
    (tmp_path / "uv.lock").write_text("as it was")
    with pytest.raises(KedjaError, match="uv lock failed"):
        lock.lock(tmp_path, ["--offline"])
    assert (tmp_path / "uv.lock").read_text() == "as it was"


def test_requirements_are_pinned_and_hashed():
    lines = lock.requirements(ROOT, ["serve"])
    names = {lock.name_of(line) for line in lines}
    assert {"fastapi", "onnxruntime", "uvicorn", "pillow"} <= names
    assert not {"torch", "pandas", "scikit-learn"} & names
    assert all("==" in line and "--hash=sha256:" in line for line in lines)
    assert lock.version_of(lines, "fastapi") in lock.versions(ROOT / "uv.lock")["fastapi"]
    assert lock.version_of(lines, "torch") is None


def test_an_unknown_group_names_the_nearest():
    with pytest.raises(KedjaError, match="serve"):
        lock.requirements(ROOT, ["sevre"])


def test_check_refuses_an_address(tmp_path):
    (tmp_path / "uv.lock").write_text('source = { registry = "https://host.example/simple" }\n')
    with pytest.raises(KedjaError, match="just lock"):
        lock.check(tmp_path)


def test_the_pinned_tools_are_hashed_and_name_no_index():
    text = (ROOT / "scripts" / "tools.txt").read_text()
    assert "://" not in text
    assert set(re.findall(r"^([a-z-]+)==", text, flags=re.MULTILINE)) == {"uv", "rust-just"}
    assert text.count("--hash=sha256:") > 20


def test_a_missing_uv_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KedjaError, match=r"just\.sh"):
        lock.run_uv(["--version"], tmp_path)


def test_the_recipe_says_that_the_lock_fits():
    done = subprocess.run(["just", "lock", "check=true"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no addresses" in done.stdout
