"""Rows: JSON and CSV are read alike, what is wrong is named, and what is written out reads back as it was."""

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kedja.bundle.inputs.input import InputError, Limits
from kedja.bundle.inputs.registry import from_json
from kedja.bundle.inputs.table.column import MISSING, UNSEEN, Column, seconds, text_of
from kedja.bundle.inputs.table.spec import CODES, NUMBERS, TableInput
from kedja.common.errors import KedjaError

EXPECTED = TableInput(
    [
        Column("age", "number", [], 17, 90, 40, whole=True),
        Column("work", "category", ["clerk", "smith"]),
        Column("member", "boolean", ["false", "true"]),
        Column("since", "date", [], 0, 1e9, 1e8),
    ],
    ["nr"],
    ["?"],
)
ROW = {"age": 38, "work": "smith", "member": True, "since": "2024-01-31"}

words = some.text(max_size=12)
moments = some.datetimes().filter(lambda moment: 1000 <= moment.year <= 9000)
rows = some.fixed_dictionaries(
    {
        "age": some.none() | some.floats(allow_nan=False, allow_infinity=False) | some.integers(-(2**60), 2**60),
        "work": some.none() | some.sampled_from(["clerk", "smith", "pilot"]),
        "member": some.none() | some.booleans(),
        "since": some.none() | moments.map(lambda moment: moment.isoformat()),
    }
)


def table(*lines):
    return "\n".join(lines).encode()


def test_a_row_becomes_numbers_and_codes():
    feed = EXPECTED.collate([EXPECTED.from_value(ROW), EXPECTED.from_value(dict.fromkeys(ROW))])
    assert feed[NUMBERS].dtype == np.float64
    assert feed[CODES].dtype == np.int32
    assert feed[NUMBERS][0].tolist() == [38, seconds("2024-01-31")]
    assert np.isnan(feed[NUMBERS][1]).all()
    assert feed[CODES].tolist() == [[1, 1], [MISSING, MISSING]]
    assert EXPECTED.collate([EXPECTED.from_value({**ROW, "age": -0.0})])[NUMBERS][0].tobytes()[:8] == bytes(8)


def test_a_category_that_training_never_saw_is_answered_and_said():
    row = EXPECTED.from_value({**ROW, "work": "astronaut"})
    assert row.codes[0] == UNSEEN
    assert EXPECTED.remarks([row, EXPECTED.from_value(ROW)]) == [{"unseen": {"work": "astronaut"}}, {}]
    features = EXPECTED.features(EXPECTED.collate([row]))
    assert features["unseen cells"].tolist() == [1]
    assert np.isnan(features["column work"]).all()
    (read,) = EXPECTED.read_table(table("age,work,member,since", "38,astronaut,true,2024-01-31"))
    assert read.unseen == {"work": "astronaut"}


@pytest.mark.parametrize(
    ("change", "code", "problem", "remedy"),
    [
        ({"agee": 3}, "unknown-column", "agee", "did you mean 'age'?"),
        ({"age": "38"}, "invalid-input", "`age` is not a number but a string: '38'", "null"),
        ({"age": True}, "invalid-input", "`age` is not a number but a boolean", "null"),
        ({"age": math.inf}, "invalid-input", "`age` is not finite", ""),
        ({"age": 10**400}, "invalid-input", "`age` is not finite", ""),
        ({"work": 3.5}, "invalid-input", "`work` is not a string but a number", "null"),
        ({"member": "perhaps"}, "invalid-input", "`member` is not true or false", ""),
        ({"since": "31.1.2024"}, "invalid-input", "`since` is not a date", "null"),
    ],
)
def test_what_is_wrong_is_named_with_its_column(change, code, problem, remedy):
    with pytest.raises(InputError) as caught:
        EXPECTED.from_value(ROW | change)
    assert caught.value.code == code
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_row_of_many_is_named():
    with pytest.raises(InputError, match="row 1 of 2: `age`"):
        EXPECTED.read_json("rows", [ROW, ROW | {"age": "x"}], Limits())
    with pytest.raises(InputError, match="row 2 of 3: `age` is not a number but a string: 'x'"):
        EXPECTED.read_table(table("work,age,member,since", "clerk,1,yes,", "clerk,?,no,", "clerk,x,no,"))
    with pytest.raises(InputError, match="the header lacks the column 'since'"):
        EXPECTED.read_table(table("work,age,member", "clerk,1,yes"))
    with pytest.raises(InputError, match="more than 1 rows"):
        EXPECTED.read_table(table("work,age,member,since", "clerk,1,yes,", "clerk,1,yes,"), Limits(examples=1))
    with pytest.raises(InputError, match="row 0 has 2 cells, the header 4"):
        EXPECTED.read_table(table("work,age,member,since", "clerk,1"))


@settings(deadline=None, max_examples=50)
@given(rows)
def test_what_is_written_out_reads_back_as_it_was(row):
    read = EXPECTED.from_value(row)
    again = EXPECTED.decode(EXPECTED.encode(read.numbers, read.codes))
    assert np.array_equal(np.array(read.numbers), np.array(again.numbers), equal_nan=True)
    assert list(again.codes) == list(read.codes)


@settings(deadline=None, max_examples=50)
@given(some.lists(rows, min_size=1, max_size=5), some.sampled_from([",", ";", "\t"]))
def test_csv_says_what_json_says(several, delimiter):
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, delimiter=delimiter)
    writer.writerow(["since", "member", "nr", "work", "age"])
    for row in several:
        cells = {name: "" if value is None else str(value) for name, value in row.items()}
        writer.writerow([cells["since"], cells["member"], "7", cells["work"], cells["age"]])
    ours = EXPECTED.collate([EXPECTED.from_value(row) for row in several])
    theirs = EXPECTED.collate(EXPECTED.read_table(lines.getvalue().encode()))
    for name, array in ours.items():
        assert np.array_equal(array, theirs[name], equal_nan=name == NUMBERS)


@settings(deadline=None, max_examples=50)
@given(some.binary(max_size=200) | some.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_is_sent_is_read_or_refused(data):
    for read in (
        EXPECTED.decode,
        EXPECTED.read_table,
        lambda body: EXPECTED.read_table(b"age,work,member,since\n" + body),
    ):
        try:
            read(data)
        except InputError as error:
            assert error.problem


@settings(deadline=None, max_examples=50)
@given(
    some.recursive(
        some.none() | some.booleans() | some.floats() | words,
        lambda inner: some.lists(inner) | some.dictionaries(words, inner),
    )
)
def test_whatever_stands_in_json_is_read_or_refused(value):
    for row in (value, ROW | {"age": value}, ROW | {"work": value}, ROW | {"since": value}, ROW | {"member": value}):
        try:
            EXPECTED.from_value(row)
        except InputError as error:
            assert error.problem


@settings(deadline=None, max_examples=50)
@given(moments)
def test_a_moment_is_exact_to_the_microsecond(moment):
    if abs(seconds(moment.isoformat())) < 2**33:
        assert text_of(seconds(text_of(seconds(moment.isoformat())))) == text_of(seconds(moment.isoformat()))


def test_settings_survive_json_and_damaged_ones_are_refused():
    value = json.loads(json.dumps(EXPECTED.to_json()))
    assert from_json("table", value) == EXPECTED
    for damage in (
        {"columns": []},
        {"columns": [value["columns"][0]] * 2},
        {"columns": [{"name": "x", "type": "colour", "categories": []}]},
    ):
        with pytest.raises(KedjaError):
            from_json("table", value | damage)
