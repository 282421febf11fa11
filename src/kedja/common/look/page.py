"""The head that every page begins with."""

import base64
from pathlib import Path

FOLDER = Path(__file__).parent
STYLE, ICON = "look.css", "icon.svg"
# Where a page's own HTML wants the head.
MARK = "<!--look-->"


def linked(folder: str) -> str:
    """For a page of a server, which has `look.css` and `icon.svg` below the address `folder`."""
    return (
        _read("head.html")
        + f'<link rel="icon" href="{folder}/{ICON}" type="image/svg+xml">\n'
        + f'<link rel="stylesheet" href="{folder}/{STYLE}">\n'
    )


def inside(own_style: str = "") -> str:
    """For a page that is one file: icon and styles are in it, `own_style` after what all pages have."""
    return (
        _read("head.html")
        + f'<link rel="icon" href="{icon_address()}">\n'
        + f"<style>{_read(STYLE)}{own_style}</style>\n"
    )


def icon_address() -> str:
    """The icon as a `data:` address."""
    return f"data:image/svg+xml;base64,{base64.b64encode((FOLDER / ICON).read_bytes()).decode()}"


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
