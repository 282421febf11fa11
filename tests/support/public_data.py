"""Public data sets beside the clone, where someone has put them; tests on them skip where they are absent."""

from pathlib import Path

import pytest

PLACE = Path(__file__).parents[3] / "shared" / "data"


def archive(name: str) -> Path:
    """The archive, or a skip with the reason."""
    path = PLACE / name
    if not path.is_file():
        pytest.skip(f"{name} is not in ../shared/data beside the clone")
    return path
