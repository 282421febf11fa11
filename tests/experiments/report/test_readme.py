from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.experiments.report.readme import BEGIN, END, renew


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
