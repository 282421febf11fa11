"""Names from elsewhere, on a terminal and in a spreadsheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedja.common.outside import escaped, printable, unescaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain åäö 猫.png", "plain åäö 猫.png"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("over\rwritten\b", r"over\x0dwritten\x08"),
        ("\x9b31m", r"\x9b31m"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("\udcff.png", r"\udcff.png"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text, shown):
    assert printable(text) == shown


@given(st.text())
def test_nothing_printable_is_hidden_and_all_can_be_sent(text):
    shown = printable(text)
    assert printable(shown) == shown
    shown.encode()
    assert not set(shown) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_becomes_a_text(cell):
    assert escaped(cell) == f"'{cell}"


@given(st.text() | st.sampled_from(["=", "'", "''=", "'a", "-"]))
def test_what_was_escaped_reads_back(cell):
    assert unescaped(escaped(cell)) == cell
    assert not escaped(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
