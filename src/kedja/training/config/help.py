"""What `just train --help` prints."""

from typing import Any

from kedja.common.terminal import align
from kedja.training.config.compose import files_of
from kedja.training.config.schema import groups, leaves

HEAD = """Train one model: `just train experiment=resnet9 seed=1 optim.lr=0.05`.

A group key chooses a file of conf/<group>/, every other key overrides a single value. The defaults below are
those of the code; conf/config.yaml and the experiment may say otherwise. A finished run is not repeated, an
interrupted one continues.
"""


def help_text() -> str:
    """Groups with their choices, then every key with type, default and meaning."""
    chosen = ["experiment", *groups()]
    rows = [(f"{name}=", " | ".join(files_of(name))) for name in chosen]
    keys = [
        (f"{name}={_type(field)}", _default(field.default), field.metadata["meaning"])
        for name, field in leaves().items()
        if name not in chosen
    ]
    return "\n".join([HEAD, *align(["group", "choices"], rows), "", *align(["key", "default", "meaning"], keys)])


def _type(field: Any) -> str:
    if field.metadata["choices"]:
        return "|".join(field.metadata["choices"])
    return {bool: "true|false", int: "int", float: "number", str: "text"}[field.type]


def _default(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or "–"
