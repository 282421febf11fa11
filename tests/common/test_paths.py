"""`~`, and paths from where a person stands, in every key of every recipe whose value is a path."""

import dataclasses
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from kedja import cli
from kedja.common import paths
from kedja.common.errors import KedjaError
from kedja.data.kinds.text.choose import EMBEDDED
from kedja.data.settings import Settings
from kedja.training.config.compose import settled
from kedja.training.config.schema import leaves

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
MODULES = [
    *(f"kedja.{room}.__main__" for room in ("data", "data.audit", "export", "baselines", "experiments")),
    *("kedja.experiments.report.__main__", "kedja.experiments.trackers.__main__", "kedja.serving.settings"),
]
# Keys that speak of files or folders, and are no paths of the person's own machine.
NO_PATHS = {
    "index": "files inside the source",
    "path": "a column",
    "classes": "a table inside the source, and columns",
    "label": "a column",
    "split": "a column",
    "group": "a column",
    "space": "a file of conf/tune/ by its name",
    "set": "a folder of conf/experiment/ by its name",
    "match": "a part of a name",
    "experiment": "a file of conf/experiment/ by its name",
    "storage": "an address, or a way to store",
    "publish.image": "a name in a registry of images",
    "tracker_project": "a name that a tracker knows",
    "variant": "one of the models of a bundle",
    "docker.bundle": "a folder of this repository, which is all that a build sees",
}


def options():
    """Every dataclass of keys: name of its script or module → the class."""
    found = {}
    for script in SCRIPTS:
        spec = importlib.util.spec_from_file_location(f"script_{script.stem}", script)
        module = importlib.util.module_from_spec(spec)
        before = sys.modules.copy()
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        finally:
            sys.modules.pop(spec.name)
            assert before.keys() <= sys.modules.keys()
        found[script.stem] = getattr(module, "Options", None)
    for name in MODULES:
        module = importlib.import_module(name)
        found[name] = getattr(module, "Options", None) or module.Settings
    return {name: kind for name, kind in found.items() if kind is not None}


def is_path(field, kind):
    return paths.NO_PATHS in field.metadata or Path in (kind, *typing.get_args(kind))


@pytest.fixture
def stands(tmp_path, monkeypatch):
    """A person in one folder, the recipe in another one."""
    (tmp_path / "person").mkdir()
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    monkeypatch.setenv(paths.STANDS, str(tmp_path / "person"))
    paths.take_place()
    yield tmp_path / "person"
    monkeypatch.delenv(paths.STANDS, raising=False)
    paths.take_place()


def test_every_key_that_speaks_of_files_is_a_path_or_says_why_not():
    for name, kind in options().items():
        types_of = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            meaning = f"{field.metadata.get('meaning', '')} {field.metadata.get('metavar', '')}"
            if re.search(r"\b(files?|folders?|path|where)\b", meaning) and str in (
                types_of[field.name],
                *typing.get_args(types_of[field.name]),
            ):
                known = {field.name, f"{name}.{field.name}"} & NO_PATHS.keys()
                names_columns = "column" in meaning or "key" in meaning
                assert is_path(field, types_of[field.name]) or known or names_columns, f"{name}: {field.name}="


@pytest.mark.parametrize("name", sorted(options()))
def test_tilde_and_place_in_every_key(name, stands, monkeypatch):
    kind = options()[name]
    monkeypatch.setenv("HOME", str(stands.parent / "home"))
    monkeypatch.setenv("USERPROFILE", str(stands.parent / "home"))
    types_of = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if not field.init or not is_path(field, types_of[field.name]):
            continue
        for typed, meant in (
            ("~/a b,c.png", stands.parent / "home" / "a b,c.png"),
            ("a b", stands / "a b"),
            ("../a", stands.parent / "a"),
            ("/a", Path("/a")),
        ):
            (argument,) = cli.settled(kind, [f"{field.name}={typed}"])
            if typing.get_origin(types_of[field.name]) is list:
                first, _, _ = argument.partition(",")
                assert first == f"{field.name}={str(meant).partition(',')[0]}"
            else:
                assert argument == f"{field.name}={meant}"


def test_keys_of_training(stands, monkeypatch):
    monkeypatch.setenv("HOME", str(stands.parent))
    typed = ["model.init_from=w.pt", "model.init_from=~/w.pt", "epochs=3", "runs=mine", "runs", "data=x"]
    meant = [f"{stands}/w.pt", f"{stands.parent}/w.pt", f"{stands}/mine"]
    assert settled(typed) == [
        f"model.init_from={meant[0]}",
        f"model.init_from={meant[1]}",
        "epochs=3",
        f"runs={meant[2]}",
        *typed[4:],
    ]
    known = {key for key, field in leaves().items() if field.metadata[paths.NO_PATHS] is not None}
    assert known == {"model.init_from", "runs"}


def test_what_only_the_repository_has_is_meant_there(stands):
    Path("runs").mkdir()
    assert settled(["runs=runs"]) == ["runs=runs"]
    (stands / "runs").mkdir()
    assert settled(["runs=runs"]) == [f"runs={stands / 'runs'}"]


def test_words_that_are_no_paths(stands):
    (stands / "digits").mkdir()
    given = ["source=digits", "source=torchvision:CIFAR10", "tokenizer=minilm", "source=", "data=x", "label=a/b"]
    assert cli.settled(Settings, given) == given
    assert {field.name: field for field in dataclasses.fields(Settings)}["tokenizer"].metadata[paths.NO_PATHS] == (
        *EMBEDDED,
        "own",
    )


def test_a_path_below_the_repository_is_told_from_its_top(stands, monkeypatch, tmp_path):
    Path("sub").mkdir()
    monkeypatch.setenv(paths.STANDS, str(tmp_path / "repository" / "sub"))
    paths.take_place()
    assert cli.settled(Settings, ["source=photos"]) == ["source=sub/photos"]
    assert paths.STANDS not in os.environ, "what is called further on is told settled paths"


@pytest.mark.parametrize("text", ["~nobody_at_all/x", "~nobody_at_all"])
def test_an_unknown_home_is_said(text):
    with pytest.raises(KedjaError, match=r"home folder is not known(.|\n)*set HOME"):
        cli.settled(Settings, [f"source={text}"])


def test_just_says_where_the_person_stands(tmp_path):
    just = shutil.which("just")
    if just is None:
        pytest.skip("just is not installed here")
    command = [just, "--justfile", str(ROOT / "justfile"), "--working-directory", str(ROOT), "--evaluate", paths.STANDS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert Path(done.stdout) == tmp_path


def test_a_recipe_reads_and_writes_where_the_person_stands(tmp_path, monkeypatch):
    (tmp_path / "person").mkdir()
    (tmp_path / "repository").mkdir()
    (tmp_path / "person" / "labels.csv").write_text("text,label\n" + "".join(f"word {n},{n % 2}\n" for n in range(40)))
    command = [sys.executable, ROOT / "scripts" / "audit.py", "source=labels.csv", "reports=out"]
    environment = {**os.environ, paths.STANDS: str(tmp_path / "person")}
    done = subprocess.run(
        command, cwd=tmp_path / "repository", env=environment, capture_output=True, text=True, timeout=200
    )
    assert "Traceback" not in done.stderr
    assert (tmp_path / "person" / "out" / "audit-labels.json").is_file(), done.stderr
    assert list((tmp_path / "repository").iterdir()) == []


def test_the_message_says_where_it_looked(tmp_path):
    (tmp_path / "person").mkdir()
    (tmp_path / "repository").mkdir()
    environment = {**os.environ, paths.STANDS: str(tmp_path / "person")}
    for script, argument in (
        ("audit.py", "source=photos"),
        ("predict.py", "image=photos"),
        ("export.py", "run=photos"),
        ("smoke.py", "bundle=photos"),
        ("serve.py", "keys=photos"),
        ("audit.py", "judges=photos"),
    ):
        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / script, argument],
            cwd=tmp_path / "repository",
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 1
        assert str(tmp_path / "person" / "photos") in done.stderr, (script, done.stderr)
        assert "Traceback" not in done.stderr
