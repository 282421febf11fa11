"""What the system refuses recipes: one line with the file, the reason and a remedy; then the same command goes on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.disks import disk
from support.pictures import write_pictures

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TRAIN = ("train.py", "experiment=debug", "epochs=1")
TUNE = ("tune.py", "trials=1", "jobs=1", "experiment=debug", "epochs=1", "seeds=1")


def recipe(script, *arguments, cwd, prefix=(), **environment):
    """A recipe's script in a folder, after the words of `prefix`."""
    command = [*prefix, sys.executable, SCRIPTS / script, *map(str, arguments)]
    everything = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, cwd=cwd, env=everything, capture_output=True, text=True, timeout=500)


def check_refused(done, *words):
    """The message of a refusal, and nothing of ours besides."""
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert sum(line.startswith("error: ") for line in done.stderr.splitlines()) == 1, said
    assert "→" in done.stderr
    for word in words:
        assert word in done.stderr, said


@pytest.fixture
def small(tmp_path, prepared):
    """A disk of three megabytes with the prepared digits on it."""
    with disk(tmp_path / "disk", 3000) as mounted:
        shutil.copytree(prepared / "data" / "digits", mounted.place / "data" / "digits")
        yield mounted


def test_a_disk_that_is_full_while_data_are_prepared(tmp_path):
    write_pictures(tmp_path / "photos", {"cat": 40, "dog": 40})
    with disk(tmp_path / "disk", 600) as small:
        key = f"source={tmp_path / 'photos'}"
        for leaving in (0, 16, 200):
            small.fill(leaving)
            done = recipe("prepare_data.py", key, "size=64", cwd=small.place)
            check_refused(done, "data/")
            assert "No space left on device" in done.stderr or "full" in done.stderr
            assert not (small.place / "data" / "photos").exists()
            small.make_room()
        small.place.joinpath("data").mkdir(exist_ok=True)
        done = recipe("prepare_data.py", key, "size=20", cwd=small.place)
        assert done.returncode == 0, done.stderr


def as_somebody(*words):
    """What makes a command run with other rights than root's."""
    if os.name != "posix":
        pytest.skip("rights are others here")
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed here")
    return ["setpriv", *words]


def test_folders_and_files_without_permission(tmp_path):
    write_pictures(tmp_path / "photos", {"cat": 3, "dog": 3})
    # Root's rights without that of reading everything.
    prefix = as_somebody("--bounding-set=-dac_override,-dac_read_search")
    for place, says in (("photos/cat", "photos/cat cannot be listed"), ("photos/cat/0.png", "cat/0.png: the file")):
        rights = (tmp_path / place).stat().st_mode
        (tmp_path / place).chmod(0)
        try:
            done = recipe("prepare_data.py", "source=photos", cwd=tmp_path, prefix=prefix)
            check_refused(done, says, "Permission denied")
        finally:
            (tmp_path / place).chmod(rights)
    (tmp_path / "data").chmod(0o500)
    try:
        done = recipe("prepare_data.py", "source=photos", "data=other", cwd=tmp_path, prefix=prefix)
        check_refused(done, "data/", "Permission denied", "rights")
    finally:
        (tmp_path / "data").chmod(0o700)


def test_a_user_without_a_home(tmp_path, prepared):
    write_pictures(tmp_path / "photos", {"cat": 6, "dog": 6})
    # A number that no name belongs to, as containers have it, which may read and write everything.
    rights = "+dac_override,+dac_read_search"
    words = ("--reuid=54321", "--regid=54321", "--clear-groups", f"--inh-caps={rights}", f"--ambient-caps={rights}")
    prefix = ["env", "--unset=HOME", "--unset=USER", "--unset=LOGNAME", *as_somebody(*words)]
    if len(prefix) == 4:
        pytest.skip("only root may become a user without a home")
    done = recipe("prepare_data.py", "source=photos", cwd=tmp_path, prefix=prefix)
    assert done.returncode == 0, done.stderr
    check_refused(
        recipe("prepare_data.py", "source=~/photos", cwd=tmp_path, prefix=prefix), "home folder is not known", "HOME"
    )
    shutil.copytree(prepared / "data" / "digits", tmp_path / "data" / "digits")
    done = recipe(*TRAIN, cwd=tmp_path, prefix=prefix)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("leaving", [0, 4, 40])
def test_a_disk_that_is_full_in_training_and_goes_on_with_room(small, leaving):
    small.fill(leaving)
    done = recipe(*TRAIN, cwd=small.place)
    check_refused(done, "No space left on device", "make room")
    assert not list(small.place.glob("runs/*/*/summary.json"))
    small.make_room()
    done = recipe(*TRAIN, cwd=small.place)
    assert done.returncode == 0, done.stderr


def test_a_disk_that_is_full_where_a_study_is_kept(small):
    for leaving in (0, 30, 150):
        small.fill(leaving)
        check_refused(recipe(*TUNE, cwd=small.place), "make room")
        small.make_room()
        shutil.rmtree(small.place / "runs", ignore_errors=True)


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory):
    """A folder with the digits and a finished run."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(prepared / "data", folder / "data")
    done = recipe(*TRAIN, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_disk_that_is_full_where_bundle_and_report_go(trained, tmp_path):
    with disk(tmp_path / "disk", 3000) as small:
        shutil.copytree(trained, small.place, dirs_exist_ok=True)
        for leaving in (0, 40):
            small.fill(leaving)
            check_refused(recipe("export.py", cwd=small.place), "No space left on device", "make room")
            assert not (small.place / "bundle").exists()
            check_refused(recipe("report.py", cwd=small.place), "No space left on device", "make room")
            small.make_room()
        assert recipe("export.py", cwd=small.place).returncode == 0
        small.fill(0)
        check_refused(recipe("export.py", "force=true", cwd=small.place), "No space left on device")
        assert recipe("predict.py", "image=bundle/samples", cwd=small.place).returncode == 0, "the old bundle stays"


def test_a_disk_that_can_only_be_read(trained, tmp_path):
    with disk(tmp_path / "disk", 3000) as shelf:
        shutil.copytree(trained, shelf.place, dirs_exist_ok=True)
        write_pictures(tmp_path / "photos", {"cat": 4, "dog": 4})
        shelf.make_read_only()
        try:
            for command in (
                ("prepare_data.py", f"source={tmp_path / 'photos'}"),
                (*TRAIN, "seed=7"),
                TUNE,
                ("export.py",),
                ("report.py",),
                ("audit.py", "data=digits"),
                ("api_key.py", "name=alice"),
            ):
                check_refused(recipe(*command, cwd=shelf.place), "Read-only file system", "mounted read-only")
            # What only reads goes on.
            done = recipe("runs.py", cwd=shelf.place)
            assert done.returncode == 0, done.stderr
            assert "debug" in done.stdout
        finally:
            shelf.make_read_only(but=True)


def test_a_source_that_can_only_be_read_is_read(tmp_path):
    with disk(tmp_path / "shelf", 600) as shelf:
        write_pictures(shelf.place / "photos", {"cat": 6, "dog": 6})
        np.savez(shelf.place / "a.npz", images=np.arange(12 * 64, dtype=np.uint8).reshape(12, 8, 8), labels=[0, 1] * 6)
        shelf.make_read_only()
        try:
            for source in ("photos", "a.npz"):
                done = recipe("prepare_data.py", f"source={shelf.place / source}", cwd=tmp_path)
                assert done.returncode == 0, done.stderr
        finally:
            shelf.make_read_only(but=True)


def test_a_service_whose_port_kubernetes_sets_names_the_variable(tmp_path):
    done = recipe("serve.py", cwd=tmp_path, KEDJA_PORT="tcp://10.0.0.1:8000")
    check_refused(done, "environment variable KEDJA_PORT", "tcp://10.0.0.1:8000", "enableServiceLinks: false")


def test_more_folds_than_examples_are_refused_with_what_there_could_be(tmp_path):
    rows = "".join(f"{word} {number},{word}\n" for number in range(6) for word in ("good", "bad"))
    (tmp_path / "few.csv").write_text(f"text,label\n{rows}")
    done = recipe("prepare_data.py", "source=few.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = recipe("experiments.py", "data=few", "cv=20", "seeds=0", "jobs=1", cwd=tmp_path)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "too few for 20 folds" in said
    assert "cv=10 or less" in said
