"""Name → framework, loaded when it is asked for. A new one is a file or folder of its own and a line here."""

from pkgutil import resolve_name

from kedja.common.errors import KedjaError, nearest
from kedja.frameworks.framework import Framework

FRAMEWORKS = {
    "torch": "kedja.frameworks.pytorch.record:TORCH",
    "boosting": "kedja.frameworks.boosting:BOOSTING",
    "rows-network": "kedja.frameworks.pytorch.rows:ROWS_NETWORK",
    "sklearn": "kedja.frameworks.scikit_learn:SKLEARN",
}


def find(name: str) -> Framework:
    """The framework of that name; its libraries are loaded when it works, not before.

    Raises:
        KedjaError: there is none; names the nearest.
    """
    if name not in FRAMEWORKS:
        raise KedjaError(f"there is no framework {name!r}", nearest(name, list(FRAMEWORKS)))
    framework: Framework = resolve_name(FRAMEWORKS[name])
    return framework
