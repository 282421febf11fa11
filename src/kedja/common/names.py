"""Names that become files and folders: plain ones only, so that no name leaves the folder that it belongs in."""

import re

from kedja.common.errors import KedjaError

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def plain_name(key: str, name: object) -> str:
    """`name`, where it is one.

    Args:
        key: where it was given, for the message, for example ``data.name``.

    Raises:
        KedjaError: it is not made of up to 100 letters, digits, dots, - and _, or begins with a dot or a mark.
    """
    if not isinstance(name, str) or not _PLAIN.fullmatch(name):
        raise KedjaError(
            f"{key}={str(name)[:100]!r} is no plain name", "letters, digits, dots, - and _, a letter or digit first"
        )
    return name
