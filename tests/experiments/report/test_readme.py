from pathlib import Path

import pytest

from kedja.baselines.registry import of_kind
from kedja.common.errors import KedjaError
from kedja.experiments.launch.sets import members
from kedja.experiments.report.readme import BEGIN, END, renew
from kedja.experiments.report.text import FIGURES, NOTE
from kedja.training.config.compose import CONF
from kedja.training.config.experiments import HOME


def test_only_what_stands_between_the_markers_changes(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    renew(readme, "new")
    assert readme.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_twice_changes_nothing(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}{END}")
    renew(readme, "| table |")
    first = readme.stat()
    renew(readme, "| table |")
    assert readme.stat().st_mtime_ns == first.st_mtime_ns


def test_missing_markers_are_said(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    with pytest.raises(KedjaError, match="no place for the results"):
        renew(readme, "x")
    readme.write_text(f"{END} the wrong way round {BEGIN}")
    with pytest.raises(KedjaError, match="put the two lines"):
        renew(readme, "x")
    assert "wrong way" in readme.read_text()


def test_the_projects_own_readme_holds_a_report_of_all_its_experiments() -> None:
    """Its numbers are those of the machine that it names; what is compared, and how it is said, is checked here."""
    text = (CONF.parent / "README.md").read_text(encoding="utf-8")
    block = text.partition(BEGIN)[2].partition(END)[0]
    assert NOTE in block
    rows = [[cell.strip(" *") for cell in line.strip("|").split(" | ")] for line in block.splitlines() if "|" in line]
    assert rows[0][: len(FIGURES) + 1] == ["experiment", *FIGURES]
    compared = {row[0].partition(" (")[0] for row in rows[2:]}
    assert compared == {*members(CONF, HOME), *(f"baseline-{name}" for name in of_kind("image"))}
