from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.common.errors import KedjaError
from kedja.experiments.tuning.search_space import Dimension, dimension, merge, read_space
from kedja.training.config.compose import CONF, compose


def test_ranges_and_choices() -> None:
    assert dimension("a", "1..8") == Dimension("a", 1, 8)
    assert dimension("a", "0.001..0.1:log") == Dimension("a", 0.001, 0.1, log=True)
    assert dimension("a", "-2..2.5") == Dimension("a", -2, 2.5)
    assert dimension("a", "x, y") == Dimension("a", choices=("x", "y"))
    assert dimension("a", [True, None, 3]) == Dimension("a", choices=("true", "null", "3"))


@pytest.mark.parametrize("text", ["", "8..1", "1..1", "0..1:log", "a..b"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(KedjaError, match=r"space\.lr"):
        dimension("lr", text)


@given(st.integers(1, 1000), st.integers(1, 1000), st.booleans())
def test_suggestions_stay_within_the_range(low: int, width: int, log: bool) -> None:
    one = dimension("k", f"{low}..{low + width}" + (":log" if log else ""))
    key, _, value = one.suggest(optuna.trial.FixedTrial({"k": low + width // 2})).partition("=")
    assert key == "k"
    assert low <= int(value) <= low + width


def test_the_command_line_replaces_the_file() -> None:
    merged = merge([Dimension("a", 0, 1), Dimension("b", 0, 1)], {"b": "x,y", "c": "1..2"})
    assert [one.key for one in merged] == ["a", "b", "c"]
    assert merged[1].choices == ("x", "y")


@pytest.mark.parametrize("path", sorted((CONF / "tune").glob("*.yaml")), ids=lambda path: path.stem)
def test_training_knows_every_key_of_the_files(path: Path) -> None:
    lowest = [f"{one.key}={one.choices[0] if one.choices else one.low}" for one in read_space(path)]
    highest = [f"{one.key}={one.choices[-1] if one.choices else one.high}" for one in read_space(path)]
    assert compose(lowest)
    assert compose(highest)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text("optim.lr: 0.1..1")
    with pytest.raises(KedjaError, match="did you mean 'wide'"):
        read_space(tmp_path / "wid.yaml")
    (tmp_path / "empty.yaml").touch()
    with pytest.raises(KedjaError, match="names no keys"):
        read_space(tmp_path / "empty.yaml")
