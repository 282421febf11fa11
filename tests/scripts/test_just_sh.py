"""`scripts/just.sh` and `scripts/python.sh` on a machine that has neither uv nor just, with wheels made here."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SH = shutil.which("sh")
PYTHON = Path(sys.base_prefix) / "bin" / "python3"  # the environment's own has no pip

# What the recipe runner was called with, one argument a line; stands in for just.
ECHO = '#!/bin/sh\ncase $1 in --version) echo just 1.0.0; exit;; esac\nfor a in "$@"; do printf \'%s\\n\' "$a"; done\n'
UV = "#!/bin/sh\necho uv 1.0.0\n"


def make_wheel(folder, package, programs):
    stem = f"{package.replace('-', '_')}-1.0.0"
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in programs.items():
            member = zipfile.ZipInfo(f"{stem}.data/scripts/{name}")
            member.external_attr = 0o100755 << 16
            archive.writestr(member, text)
        archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return f"{package}==1.0.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture
def clone(tmp_path):
    """A clone with spaces in its path, and pinned tools that pip finds in a folder of wheels."""
    clone = tmp_path / "a clone's folder"
    (clone / "scripts").mkdir(parents=True)
    for name in ("just.sh", "python.sh"):
        shutil.copy(ROOT / "scripts" / name, clone / "scripts")
    (clone / "justfile").write_text("")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    pins = [make_wheel(wheels, "uv", {"uv": UV}), make_wheel(wheels, "rust-just", {"just": ECHO})]
    (clone / "scripts" / "tools.txt").write_text("".join(pins))
    return clone


@pytest.fixture
def environment(tmp_path):
    """No uv, no just, one Python, and pip offline."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "awk", "sed", "tr", "cmp", "mkdir", "mv", "cp", "rm", "cat"):
        (programs / name).symlink_to(shutil.which(name))
    (programs / "python3").symlink_to(PYTHON)
    return {
        "PATH": str(programs),
        "HOME": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "PIP_CONFIG_FILE": os.devnull,
    }


def run(clone, environment, *arguments, cwd=None):
    return subprocess.run(
        [SH, str(clone / "scripts" / "just.sh"), *arguments], env=environment, cwd=cwd, capture_output=True, text=True
    )


def recipe_arguments(done):
    """What just was given after its own two options."""
    lines = done.stdout.splitlines()
    assert lines[0] == "--justfile"
    return lines[4:]


def test_a_fresh_machine_gets_both_tools_and_is_told(clone, environment):
    done = run(clone, environment, "env")
    assert done.returncode == 0, done.stderr
    assert "installing uv and just into" in done.stderr
    assert "rust-just==1.0.0" in done.stderr
    assert recipe_arguments(done) == ["env"]
    assert sorted(path.name for path in (clone / ".tools" / "bin").iterdir()) == ["just", "uv"]
    assert not list((clone / ".tools").glob("part.*"))


def test_the_second_time_nothing_is_installed_or_said(clone, environment):
    run(clone, environment, "env")
    environment["PIP_FIND_LINKS"] = "/nowhere"
    done = run(clone, environment, "env")
    assert done.returncode == 0
    assert done.stderr == ""


def test_arguments_arrive_unharmed_from_any_folder(clone, environment, tmp_path):
    odd = ["data", "source=my photos/", 'name=it\'s "one"', "a=$HOME `x` \\n *", "", "b=ö"]
    assert recipe_arguments(run(clone, environment, *odd, cwd=tmp_path)) == odd
    assert recipe_arguments(run(clone, environment, *odd, cwd="/")) == odd


def test_an_interrupted_installation_heals(clone, environment):
    leftover = clone / ".tools" / "part.999999999"
    leftover.mkdir(parents=True)
    (clone / ".tools" / "bin").mkdir()
    (clone / ".tools" / "bin" / "uv").write_text("half a program")
    done = run(clone, environment, "env")
    assert done.returncode == 0, done.stderr
    assert not leftover.exists()
    assert (clone / ".tools" / "bin" / "uv").read_text() == UV


def test_a_wheel_that_is_not_the_pinned_one_is_refused(clone, environment, tmp_path):
    make_wheel(tmp_path / "wheels", "uv", {"uv": "#!/bin/sh\necho something else\n"})
    done = run(clone, environment, "env")
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert "DO NOT MATCH THE HASHES" in done.stderr.upper()
    assert not (clone / ".tools" / "bin" / "uv").exists()


def test_new_pins_are_installed(clone, environment, tmp_path):
    run(clone, environment, "env")
    newer = UV + "# newer\n"
    pins = (clone / "scripts" / "tools.txt").read_text().splitlines(keepends=True)
    (clone / "scripts" / "tools.txt").write_text(make_wheel(tmp_path / "wheels", "uv", {"uv": newer}) + pins[1])
    shutil.rmtree(clone / ".tools" / "bin")
    assert run(clone, environment, "env").returncode == 0
    assert (clone / ".tools" / "bin" / "uv").read_text() == newer


def add_program(environment, name, text):
    program = Path(environment["PATH"]) / name
    program.write_text(text)
    program.chmod(0o755)


@pytest.mark.parametrize(("version", "installs"), [("1.0.0", False), ("1.2.0", False), ("0.9.9", True)])
def test_tools_on_path_are_used_where_they_are_new_enough(clone, environment, version, installs):
    add_program(environment, "uv", f"#!/bin/sh\necho uv {version} x86_64\n")
    add_program(environment, "just", ECHO)
    done = run(clone, environment, "env")
    assert done.returncode == 0, done.stderr
    assert (clone / ".tools" / "bin" / "uv").exists() == installs


def test_without_python_one_message(clone, environment):
    (Path(environment["PATH"]) / "python3").unlink()
    done = run(clone, environment, "env")
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_an_old_python_is_passed_over(clone, environment):
    add_program(environment, "python3.14", "#!/bin/sh\nexit 1\n")
    assert run(clone, environment, "env").returncode == 0


def test_without_pip_and_venv_one_message(clone, environment, tmp_path):
    (tmp_path / "broken").mkdir()
    for module in ("pip", "venv"):
        (tmp_path / "broken" / f"{module}.py").write_text("raise SystemExit(1)")
    environment["PYTHONPATH"] = str(tmp_path / "broken")
    done = run(clone, environment, "env")
    assert done.returncode == 1
    assert "neither pip nor venv" in done.stderr
    assert not (clone / ".tools" / "bin" / "uv").exists()
