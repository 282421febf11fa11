import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.report import watch
from kedja.experiments.report.watch import preview, progress

MakeRun = Callable[..., Path]


def content(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(text.split('<script id="data" type="application/json">')[1].split("</script>")[0])


def test_the_page_before_all_is_finished(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("small", wrong=[1])
    (make_run("large", epochs=3) / "summary.json").unlink()
    preview(tmp_path / "runs", tmp_path / "report.html")
    shown = content(tmp_path / "report.html")
    assert [one["label"] for one in shown["experiments"]] == ["small"]
    assert shown["running"][0]["name"] == "large-00000000/seed0"
    assert shown["running"][0]["epochs"] == 3
    assert shown["evaluation"] is None
    assert "No test split was looked at" in shown["analysis"][-1]
    assert '<meta http-equiv="refresh"' in (tmp_path / "report.html").read_text()
    assert not list(tmp_path.glob("runs/*/*/test*"))


def test_a_run_that_has_just_begun(tmp_path: Path) -> None:
    assert progress(tmp_path / "large" / "seed0") == {"name": "large/seed0", "epochs": 0, "accuracy": None}


def test_nothing_finished_yet(tmp_path: Path) -> None:
    with pytest.raises(KedjaError, match="no finished run"):
        preview(tmp_path / "runs", tmp_path / "report.html")


def test_only_changes_renew_the_page(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class EnoughError(Exception):
        pass

    said: list[str] = []
    rounds = iter(range(6))

    def between(seconds: float) -> None:
        turn = next(rounds, None)
        if turn is None:
            raise EnoughError
        if turn == 1:
            make_run("small", wrong=[1])
        if turn == 3:
            make_run("large")

    monkeypatch.setattr(watch.time, "sleep", between)
    with pytest.raises(EnoughError):
        watch.watch(tmp_path / "runs", tmp_path / "report.html", None, said.append)
    assert said[0].startswith("nothing to show yet")
    assert [line.split("renewed: ")[1] for line in said[1:]] == ["1 runs finished, 0 not", "2 runs finished, 0 not"]
