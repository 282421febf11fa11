import csv

import pytest

from kedja.data.audit.audit import audit, table, write_reports
from kedja.data.audit.source import prepare_for_audit
from kedja.data.prepared import load
from kedja.data.settings import Settings

_MARKUP = "<script>alert(1)</script> is what the page of my account says when I open it"


def _audited(folder, rows, **settings):
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label", "split"), *rows])
    made = prepare_for_audit(Settings(source=str(folder / "t.csv"), jobs=1, **settings), folder / "t")
    return audit(load(made))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    rows = [(f"{'the card' if n % 2 else 'my money'} and question {n * 7919}", n % 2, "train") for n in range(80)]
    rows += [(f"{'the card' if n % 2 else 'my money'} in sentence {n * 104729}", n % 2, "test") for n in range(20)]
    rows += [("The same  question", 0, "train"), ("the same question", 0, "test")]
    rows += [("Two labels for this", 0, "train"), ("two labels for THIS", 1, "train")]
    rows += [("how can I change the limit of my card at home", 1, part) for part in ("train",)]
    rows += [("how can I change the limit of my card at home?", 1, "test"), (_MARKUP, 1, "train")]
    rows += [("wo ist die Karte, die ich nicht von der Bank habe", 1, "train")] * 1
    rows += [(f"ich kann das nicht mit der Karte {n} und dem Geld machen", n % 2, "train") for n in range(5)]
    rows += [("a long one " * 40, 0, "train")]
    return _audited(tmp_path_factory.mktemp("audit"), rows, length=64)


def test_what_was_planted_is_found(result):
    found = {finding.kind: finding for finding in result.findings}
    assert {"leak", "conflicting-labels", "near-leak", "cut", "languages"} <= set(found)
    assert (found["leak"].count, found["conflicting-labels"].count, found["cut"].count) == (1, 1, 1)
    assert found["leak"].title == "1 set of identical texts in more than one split"
    assert found["languages"].count == 6
    assert result.facts["languages"]["German"] == 6
    assert result.facts["tokens"][0] <= result.facts["tokens"][1] <= result.facts["tokens"][3]
    assert "image" not in table(result)


def test_texts_stand_on_the_page_as_text(result, tmp_path):
    page = write_reports(result, tmp_path)[1].read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "The same  question" in page
    assert '<blockquote dir="auto"' in page


def test_copies_of_labels_that_words_give_away_are_judged(tmp_path):
    rows = [(f"{'the card is lost' if n % 2 else 'my salary came'} number{n}", n % 2, "train") for n in range(200)]
    rows[10] = (rows[10][0], 1, "train")
    found = [one for one in _audited(tmp_path, rows).findings if one.kind == "label-error"]
    assert [finding.groups for finding in found] == [[[10]]]
