"""Texts go the whole way: from a table to the answers of a real server, with every model that takes them."""

import json
import re
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

from kedja.baselines import registry as baselines
from kedja.baselines.fit import run as fit
from kedja.bundle.inputs.text.spec import TOKENIZER
from kedja.bundle.metadata import MODEL, load
from kedja.common.errors import KedjaError
from kedja.experiments.report.build import Places, build
from kedja.export.bundle import export
from kedja.frameworks.evaluate import evaluate
from kedja.frameworks.onnx_runner import onnx_runner
from kedja.serving.offline import find_files, predict_files
from kedja.serving.predictor import Predictor
from kedja.training.config.compose import compose
from kedja.training.loop.train import fit as train
from support import texts
from support.chromium import chromium, needs_chromium
from support.servers import Server

# Experiments for texts, with what makes them short.
NETWORKS = {"probe": ["epochs=3"], "finetune": ["epochs=1", "optim.lr=1e-4"], "scratch": ["epochs=8"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    texts.dataset(root, length=32)
    return root


@pytest.fixture(scope="module")
def fitted(project):
    """Name of a model → its finished run, fitted on the first call."""
    found = {}

    def fit_once(name):
        if name not in found:
            data = texts.load(project / "data/texts")
            found[name] = trained(name, data, project) if name in NETWORKS else fit(name, data, 0, project / "runs")
        return found[name]

    return fit_once


def trained(name, data, project):
    """A few epochs of one of the experiments for texts."""
    config = compose([f"experiment=texts/{name}", "data=texts", "tracker=none", "threads=1", *NETWORKS[name]])
    config.runs = str(project / "runs")
    folder = project / "runs" / f"texts-{name}-00000000" / "seed0"
    train(config, data, folder, lambda line: None)
    return folder


@pytest.fixture
def bundle_of(project, fitted, monkeypatch, tmp_path):
    monkeypatch.chdir(project)

    def make(name):
        export(fitted(name), tmp_path / "bundle")
        return tmp_path / "bundle"

    return make


@pytest.mark.parametrize("name", [*baselines.of_kind("text"), *NETWORKS])
def test_every_model_learns_and_answers_alike_in_every_batch(name, bundle_of, fitted, project):
    bundle, dataset = bundle_of(name), texts.load(project / "data/texts")
    recorded = evaluate(fitted(name), "val")
    assert (recorded.logits.argmax(axis=1) == recorded.labels).mean() > 0.9
    run, metadata = onnx_runner(bundle / MODEL), load(bundle)
    positions = dataset.split("val")
    together, _ = run(dataset.read(positions))
    np.testing.assert_allclose(together, recorded.logits, atol=1e-3)
    written = [
        "a",
        "card",
        "my card 😀 number",
        "money " * 40,
        *(dataset.encoded(int(one)).decode() for one in positions),
    ]
    examples = [metadata.input.from_value(text) for text in written]
    assert {len(example.ids) for example in examples} >= {3, 32}
    mixed, _ = run(metadata.input.collate(examples))
    for row, example in enumerate(examples):
        np.testing.assert_allclose(run(metadata.input.collate([example]))[0][0], mixed[row], atol=1e-3)


def test_the_report_shows_texts(fitted, project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    fitted("tfidf"), fitted("probe")
    report = build(Places(project / "runs", project / "data", tmp_path), "texts")
    assert report.selected.model == "minilm"
    assert json.loads((report.selected.directory / "evaluation-test.json").read_text())["robustness"] is None
    told = " ".join([*report.analysis, (tmp_path / "report.md").read_text()])
    assert "texts right" in told
    assert "image" not in told.replace("docs/images", "")
    page = (tmp_path / "report.html").read_text()
    stored = json.loads((report.selected.directory / "evaluation-test.json").read_text())
    assert len(stored["mistakes"]) == page.count("<blockquote".replace("<", "\\u003c"))


def test_a_real_server_answers(bundle_of, project):
    bundle, dataset = bundle_of("tfidf"), texts.load(project / "data/texts")
    assert (bundle / TOKENIZER).read_bytes() == (dataset.folder / TOKENIZER).read_bytes()
    chosen = dataset.split("test")
    written = [dataset.encoded(int(position)).decode() for position in chosen]
    server = Server(project / "log", f"bundle={bundle}", "max_text=1000")

    def ask(body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return server.request("POST", "/predict", data, Content_Type=kind)

    try:
        answers = ask({"texts": written}).json()["predictions"]
        assert (
            np.mean([answer["class_index"] == dataset.labels[p] for answer, p in zip(answers, chosen, strict=True)])
            > 0.9
        )
        for reply in (ask({"text": written[0]}), ask(written[0].encode(), "text/plain; charset=utf-8")):
            assert reply.status == 200, reply.body
            assert reply.json()["probabilities"] == pytest.approx(answers[0]["probabilities"], abs=1e-6)
            assert "truncated" not in reply.json()
        assert ask({"text": "card " * 50}).json()["truncated"] == {"tokens": 52, "read": 32}
        several = ask({"texts": ["card", "card " * 50]}).json()["predictions"]
        assert ["truncated" in one for one in several] == [False, True]
        for body, status, code in (
            ({"text": ""}, 422, "empty"),
            ({"text": 1}, 422, "invalid-input"),
            ({"texts": ["a", " "]}, 422, "empty"),
            ({"text": "a" * 1001}, 413, "too-long"),
            (b"\xff", 400, "not-utf-8"),
        ):
            refused = ask(body, "text/plain" if isinstance(body, bytes) else "application/json")
            assert (refused.status, refused.json()["error"]["code"]) == (status, code)
        content = server.request("GET", "/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        for example in content["application/json"]["examples"].values():
            assert ask(example["value"]).status == 200
        names = [feature["name"] for feature in server.request("GET", "/drift").json()["features"]]
        assert {"tokens", "unknown", "characters"} <= set(names)
        assert server.request("GET", "/page/text.js").status == 200
        assert server.stop() == 0
    finally:
        server.end()


@needs_chromium
def test_the_page_says_what_was_cut_and_marks_the_words_that_count(bundle_of, project):
    server = Server(project / "log", f"bundle={bundle_of('tfidf')}")
    problems = []
    try:
        with chromium() as browser:
            page = browser.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
            page.goto(server.url)
            page.get_by_label("A text").fill("please tell me about my salary <b>now</b>")
            page.get_by_role("button", name="Classify").click()
            page.get_by_role("button", name="Which words?").click()
            expect(page.locator(".words mark").filter(has_text="salary")).to_have_attribute(
                "title", re.compile("for money")
            )
            expect(page.locator(".words")).to_contain_text("<b>now</b>")
            page.get_by_label("A text").fill("card " * 50)
            page.get_by_role("button", name="Classify").click()
            expect(page.get_by_text("Only the first 32 of 52 tokens were read.")).to_be_visible()
            expect(page.locator(".words")).to_have_count(0)
    finally:
        server.end()
    assert problems == []


def test_files_are_predicted_without_a_server(bundle_of, tmp_path):
    model = Predictor(bundle_of("tfidf"))
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("fly abroad, the train, a hotel", encoding="utf-8")
    (folder / "b.txt").write_bytes(b"\xff")
    first, second = predict_files(model, find_files(folder, model.metadata.input))
    assert first.classes[0] == "travel"
    assert "not UTF-8" in str(second.error)


def test_a_server_refuses_a_bundle_with_another_tokenizer(bundle_of, tmp_path):
    bundle = bundle_of("tfidf")
    other = json.loads((bundle / TOKENIZER).read_text())
    other["normalizer"]["lowercase"] = False
    (bundle / TOKENIZER).write_text(json.dumps(other))
    with pytest.raises(KedjaError, match=r"tokenizer\.json has changed since the export"):
        Predictor(bundle)
    shutil.rmtree(bundle)
