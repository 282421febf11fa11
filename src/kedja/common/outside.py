"""Texts from outside, such as names of files, where people look at them: on a terminal, in a spreadsheet."""

# What a spreadsheet takes for a formula, and the mark itself, so that what was escaped reads back as it was.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
# Controls of C0 and C1 but tab and line feed, marks that turn the direction of writing, halves of surrogate pairs.
_HIDDEN = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(code for code in range(32) if code not in (9, 10)),
        *range(127, 160),
        *(0x200E, 0x200F),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    )
}


def printable(text: str) -> str:
    r"""The text with what a terminal would obey written out: ``\x1b[2J``."""
    return text.translate(_HIDDEN)


def one_line(name: str) -> str:
    r"""A name with the ends of lines in it written out: ``\n``."""
    return name.replace("\n", "\\n")


def escaped(cell: str) -> str:
    """A cell of a table for people: a formula becomes a text by the mark ``'`` before it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def unescaped(cell: str) -> str:
    """What was given to `escaped`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
