"""The sources by name. A new source is one file and one line here."""

from kedja.bundle.errors import KedjaError, nearest
from kedja.data.sources.digits import Digits
from kedja.data.sources.source import Source


def open_source(settings: "dict[str, object]") -> Source:
    """The source that `settings["source"]` names."""
    name = str(settings["source"])
    if name == "digits":
        return Digits()
    raise KedjaError(f"unknown source {name!r}", nearest(name, ["digits"]))
