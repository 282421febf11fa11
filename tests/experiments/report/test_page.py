"""The page in a real Chromium, opened from disk: wide, narrow, light, dark, and with hostile names."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from kedja.data.prepared import PreparedDataset
from kedja.experiments.analysis.comparisons import compare
from kedja.experiments.analysis.corruptions import CORRUPTIONS, STRENGTHS
from kedja.experiments.analysis.cross_validation import cross_validate
from kedja.experiments.analysis.evaluation import confusion, evaluate
from kedja.experiments.analysis.learning_curve import Curve
from kedja.experiments.analysis.statistics import Interval
from kedja.experiments.report import folds, html_page, more_data
from kedja.runs.calibration import calibration
from kedja.runs.read import find_experiments
from support.chromium import chromium, needs_chromium

CURVE = Curve(
    "large",
    [100, 200, 400, 800],
    [[0.2, 0.22], [0.15, 0.14], [0.1, 0.11], [0.08, 0.075]],
    [100.0, 400.0, 800.0, 1600.0],
    [Interval(error, 0.9 * error, 1.1 * error) for error in (0.2, 0.11, 0.08, 0.06)],
    Interval(0.02, 0.01, 0.03),
    (0.01, 0.07, 0.5),
)
HOSTILE = "</script><img src=x onerror=alert(1)>"

pytestmark = needs_chromium
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def report(
    digits: PreparedDataset, make_run: Callable[..., Path], make_folds: Callable[..., list[Path]], workplace: Path
) -> Path:
    for seed in range(3):
        settings = {"model.name": HOSTILE, "model.width": 2.0, "optim.lr": 0.05}
        make_run("large", seed=seed, wrong=[5, 80 + seed], dataset=digits, hyperparameters=settings, wall_seconds=90.0)
        settings = {"model.name": "cnn", "model.width": 0.5, "optim.lr": 0.1}
        make_run("small", seed=seed, wrong=[5, 6, 7 + seed], dataset=digits, hyperparameters=settings)
    make_run("baseline-svm", framework="sklearn", wrong=list(range(14)), dataset=digits, hyperparameters={"C": 10.0})
    make_folds("large", [3, 2, 5, 3, 3])
    make_folds("small", [4, 4, 5, 4, 3])
    results = compare(find_experiments(Path("runs")))
    selected = results[0].experiment.first
    predictions = selected.predictions()
    classes = [HOSTILE, *digits.classes[1:]]
    evaluation = {
        "split": "validation",
        **asdict(evaluate(predictions, classes)),
        "confusion": confusion(predictions.labels, predictions.logits.argmax(axis=1), 10).tolist(),
        "calibration": {"before": asdict(calibration(predictions)), "after": asdict(calibration(predictions, 0.7))},
        "robustness": [
            {"corruption": c, "strength": s, "accuracy": 0.9 - 0.1 * s} for c in CORRUPTIONS for s in STRENGTHS
        ],
    }
    data = html_page.page_data(
        results,
        selected,
        ["**large** leads"],
        html_page.with_pictures(evaluation, digits),
    )
    data["folds"] = folds.page_values(cross_validate(Path("runs")))
    data["more"] = more_data.values(CURVE)
    (workplace / "report.html").write_text(html_page.render(data), encoding="utf-8")
    return workplace / "report.html"


@pytest.fixture
def open_report(browser: Browser, report: Path) -> Iterator[OpenPage]:
    """`open_report(**context)`: a page that fails the test on any error and any address but its own."""
    problems: list[str] = []
    contexts = []

    def open_one(**context: object) -> Page:
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda sent: sent.url.startswith((report.as_uri(), "data:")) or problems.append(sent.url))
        page.goto(report.as_uri())
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def test_every_section_is_drawn(open_report: OpenPage) -> None:
    page = open_report()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiments on digits")
    told = page.locator("#headline")
    expect(told).to_contain_text("right")
    expect(told).to_contain_text("Use this model: large, seed")
    expect(told.get_by_role("img", name="Of 100 answers")).to_be_visible()
    assert told.bounding_box()["y"] < page.get_by_role("heading", level=2).first.bounding_box()["y"]
    expect(page.get_by_text("Read with care")).to_be_visible()
    titles = ["Results", "Learning curves", "Settings", "Comparisons", "Cross-validation", "More data"]
    titles += ["The selected run", "Cost", "Provenance"]
    assert page.get_by_role("heading", level=2).all_text_contents() == titles
    assert page.get_by_role("navigation").get_by_role("link").all_text_contents() == titles
    for name in (
        "Accuracy of each experiment",
        "Validation loss",
        "Settings and result",
        "Reliability",
        "Accuracy over the folds",
        "Error by training images",
        "Accuracy against time",
    ):
        chart = page.get_by_role("img", name=name).first
        expect(chart).to_be_visible()
        assert chart.locator("path, circle").count() > 1
    assert "NaN" not in page.content()
    expect(page.locator("figure img")).to_have_count(2)
    # Those far below are not fetched before somebody scrolls there.
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.wait_for_function("[...document.images].every((image) => image.naturalWidth > 0)")
    expect(page.get_by_text("just reproduce run=runs/large-00000000/seed0")).to_be_attached()


def test_a_header_sorts_by_mouse_and_keyboard(open_report: OpenPage) -> None:
    page = open_report()
    table = page.get_by_role("table").first
    first = table.locator("tbody tr td").first.inner_text
    assert first() == "large"
    table.get_by_role("button", name="time a run").click()
    assert first() == "large"
    table.get_by_role("button", name="time a run").press("Enter")
    assert first() != "large"
    expect(table.get_by_role("columnheader", name="time a run")).to_have_attribute("aria-sort", "ascending")


def test_names_are_text_and_never_markup(open_report: OpenPage) -> None:
    page = open_report()
    assert page.locator("img[src='x']").count() == 0
    assert page.get_by_text(HOSTILE).count() > 1


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_hangs_over_the_edge(open_report: OpenPage, width: int) -> None:
    page = open_report(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_accuracy_is_in_sight(open_report: OpenPage) -> None:
    page = open_report(viewport={"width": 390, "height": 800})
    box = page.get_by_role("table").first.locator("tbody tr td").nth(1).bounding_box()
    assert box["x"] + box["width"] <= 390


CLOSE = """() => {
  const values = [[15, 8, 15, 15], ["mobilenet_v3_small", "a", "b", "c"], [0.9988, 0.9987, 0.9986, 0.91]];
  const axes = values.map((one, index) => ({ name: `axis ${index}`, values: one, text: String }));
  const chart = parallelChart(axes, ["a", "b", "c", "d"], ["red", "red", "red", "red"]);
  document.body.append(chart);
  return [...chart.querySelectorAll("text")].map((text) => {
    const { x, y, width, height } = text.getBBox();
    return [text.firstChild.data, x, y, x + width, y + height];
  });
}"""


def test_labels_of_settings_do_not_overlap(open_report: OpenPage) -> None:
    boxes = open_report().evaluate(CLOSE)
    assert len(boxes) == 3 + 2 + 4 + 4
    for (one, *mine), (other, *its) in itertools.combinations(boxes, 2):
        apart = mine[0] >= its[2] or its[0] >= mine[2] or mine[1] >= its[3] - 0.5 or its[1] >= mine[3] - 0.5
        assert apart, (one, other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(open_report: OpenPage, scheme: str) -> None:
    page = open_report(color_scheme=scheme)
    ink, paper = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert contrast(ink, paper) > 7


def contrast(first: str, second: str) -> float:
    """Ratio of luminances after WCAG 2."""
    lights = []
    for colour in (first, second):
        channels = np.array([int(part) for part in colour[4:-1].split(",")]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)
