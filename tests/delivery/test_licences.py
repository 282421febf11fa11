import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.delivery.licences import Licence, of, permits

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "expression",
    [
        "MIT",
        "Apache-2.0 OR BSD-2-Clause",
        "MIT OR GPL-3.0-only",
        "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
        "(MIT OR GPL-2.0-only) AND Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
    ],
)
def test_permissive(expression):
    assert permits(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "MPL-2.0 AND (Apache-2.0 OR MIT)",
        "(MIT",
        "MIT)",
        "MIT OR",
        "MIT Apache-2.0",
        "see the file",
    ],
)
def test_not_permissive(expression):
    assert not permits(expression)


def test_and_binds_closer_than_or():
    assert permits("GPL-3.0-only AND MIT OR Apache-2.0")
    assert not permits("GPL-3.0-only AND (MIT OR Apache-2.0)")


def test_installed_packages_say_their_licence():
    found = {licence.package: licence for licence in of(["fastapi", "onnxruntime", "no-such-package", "flatbuffers"])}
    assert found.keys() == {"fastapi", "onnxruntime", "flatbuffers"}
    assert found["flatbuffers"].licence == "Apache-2.0"
    assert all(licence.permissive for licence in found.values())


def test_network_copyleft_is_seen():
    assert Licence("x", "1", "AGPL-3.0-only").network_copyleft
    assert Licence("x", "1", "GNU Affero General Public License v3").network_copyleft
    assert not Licence("x", "1", "LGPL-3.0-only").network_copyleft


def check(root, output):
    command = [sys.executable, root / "scripts" / "licences.py", f"output={output}"]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_serving_image_holds_what_is_allowed(tmp_path):
    done = check(ROOT, tmp_path / "licences.md")
    assert done.returncode == 0, done.stderr
    assert "all under permissive licences" in done.stdout
    assert "| fastapi |" in (tmp_path / "licences.md").read_text()


def test_weak_copyleft_in_the_serving_image_is_refused(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    # MPL-2.0, installed with DVC; here the serving group asks for it as well.
    lock = (ROOT / "uv.lock").read_text()
    (tmp_path / "uv.lock").write_text(lock.replace('    { name = "msgspec" },', '    { name = "orjson" },'))
    done = check(tmp_path, tmp_path / "licences.md")
    assert done.returncode == 1
    assert "not permissive: orjson (" in done.stderr
    assert "MPL-2.0" in done.stderr
