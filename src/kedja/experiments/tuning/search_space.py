"""What a study varies: training keys with their ranges or choices, from a file or the command line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError, nearest

SPACE = "space."
_RANGE = re.compile(r"^(?P<low>[^,]+?)\.\.(?P<high>[^,:]+)(?P<log>:log)?$")


@dataclass(frozen=True)
class Dimension:
    """One training key: numbers from `low` to `high` (`log`: equally likely per decade), or `choices`.

    Whole bounds give whole numbers.
    """

    key: str
    low: float | int | None = None
    high: float | int | None = None
    log: bool = False
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.choices:
            return
        if self.low is None or self.high is None or self.low >= self.high:
            raise KedjaError(f"{SPACE}{self.key}: {self.low}..{self.high} is no range", "write low..high, low first")
        if self.log and self.low <= 0:
            raise KedjaError(f"{SPACE}{self.key}: a logarithmic range starts above 0", "raise its low end")

    def distribution(self) -> Any:
        """As Optuna keeps it."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution(list(self.choices))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return distributions.IntDistribution(self.low, self.high, log=self.log)
        assert self.low is not None
        assert self.high is not None
        return distributions.FloatDistribution(self.low, self.high, log=self.log)

    def suggest(self, trial: Any) -> str:
        """The override that an Optuna trial chooses."""
        if self.choices:
            return f"{self.key}={trial.suggest_categorical(self.key, list(self.choices))}"
        if isinstance(self.low, int) and isinstance(self.high, int):
            return f"{self.key}={trial.suggest_int(self.key, self.low, self.high, log=self.log)}"
        return f"{self.key}={trial.suggest_float(self.key, self.low, self.high, log=self.log):.6g}"


def read_space(path: Path) -> list[Dimension]:
    """The dimensions of a YAML file: `key: low..high`, `key: low..high:log`, or `key: [a, b, c]`.

    Raises:
        KedjaError: no such file, or a value that is neither.
    """
    if not path.is_file():
        names = [other.stem for other in path.parent.glob("*.yaml")]
        raise KedjaError(f"there is no search space {path}", nearest(path.stem, names))
    from omegaconf import OmegaConf

    content = OmegaConf.to_container(OmegaConf.load(path))
    if not isinstance(content, dict) or not content:
        raise KedjaError(f"{path} names no keys", "write lines such as `optim.lr: 0.001..0.1:log`")
    return [dimension(str(key), value) for key, value in content.items()]


def dimension(key: str, value: Any) -> Dimension:
    """One dimension from its text (`1..8`, `0.001..0.1:log`, `a,b,c`) or list."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Dimension(key, choices=tuple(_text(one) for one in value))
    found = _RANGE.match(str(value))
    if found:
        return Dimension(key, _number(key, found["low"]), _number(key, found["high"]), bool(found["log"]))
    choices = tuple(part.strip() for part in str(value).split(",") if part.strip())
    if not choices:
        raise KedjaError(f"{SPACE}{key} is empty", "write low..high, low..high:log, or a,b,c")
    return Dimension(key, choices=choices)


def merge(space: Sequence[Dimension], given: Mapping[str, str]) -> list[Dimension]:
    """The file's dimensions, replaced and joined by those of the command line."""
    merged = {one.key: one for one in space} | {key: dimension(key, text) for key, text in given.items()}
    return list(merged.values())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _number(key: str, text: str) -> float | int:
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text.strip()) else float(text)
    except ValueError:
        raise KedjaError(f"{SPACE}{key}: {text!r} is not a number", "write low..high, for example 0.001..0.1") from None
