"""Rows go the whole way: from a table to the answers of a real server, and to a table with predictions."""

import csv
import json

import numpy as np
import pytest

from kedja.bundle.inputs.table.spec import TableInput
from kedja.bundle.metadata import MODEL, load
from kedja.client.sync import Client
from kedja.common.errors import KedjaError
from kedja.experiments.analysis.evaluate_run import evaluate_run
from kedja.export.bundle import export
from kedja.export.package import package
from kedja.frameworks.evaluate import evaluate
from kedja.frameworks.onnx_runner import onnx_runner
from kedja.frameworks.registry import find
from kedja.runs.read import read_run
from kedja.serving.offline_table import predict_table
from kedja.serving.predictor import Predictor
from kedja.training.config.compose import compose
from kedja.training.config.run_folder import run_directory
from support import tables
from support.servers import Server


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    tables.dataset(root, tables.write_table(root / "t.csv", 600))
    return root


@pytest.fixture(scope="module")
def bundle(project):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        config = compose(["experiment=tables/boosting", "data=rows", "model.rounds=40"])
        run = run_directory(config)
        run.mkdir(parents=True)
        find("boosting").fit(config, tables.load(project / "data/rows"), run)
        export(run, project / "bundle")
    return project / "bundle"


def test_the_bundle_answers_as_the_run_did(project, bundle, monkeypatch):
    monkeypatch.chdir(project)
    metadata = load(bundle)
    run = project / metadata.run if (project / metadata.run).is_dir() else project / "runs" / metadata.run
    recorded = evaluate(run, "val")
    assert (recorded.logits.argmax(axis=1) == recorded.labels).mean() > 0.85
    data = tables.load(project / "data/rows")
    logits, _ = onnx_runner(bundle / MODEL)(data.read(data.split("val")))
    assert np.array_equal(logits, recorded.logits)
    assert isinstance(metadata.input, TableInput)
    assert json.loads((bundle / metadata.golden[0].file).read_text()).keys() == {c.name for c in metadata.input.columns}
    said = evaluate_run(read_run(run), data)["effects"]
    assert said["importance"][0]["column"] == "income"


def test_a_real_server_answers_json_and_csv_alike(bundle, project, tmp_path):
    golden = load(bundle).golden
    rows = [json.loads((bundle / one.file).read_text()) for one in golden]
    server = Server(tmp_path / "log", f"bundle={bundle}")
    try:
        body = json.dumps({"rows": rows}).encode()
        answers = server.request("POST", "/predict", body, Content_Type="application/json").json()["predictions"]
        assert [one["probabilities"] for one in answers] == [
            pytest.approx(one.probabilities, abs=1e-6) for one in golden
        ]
        (tmp_path / "t.csv").write_bytes(b"")
        with (tmp_path / "t.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(reversed(rows[0])))
            writer.writeheader()
            writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
        table = (tmp_path / "t.csv").read_bytes()
        reply = server.request("POST", "/predict", table, Content_Type="text/csv")
        assert reply.json()["predictions"] == answers
        many = b"\n".join([table.splitlines()[0], *table.splitlines()[1:] * 40])
        assert len(server.request("POST", "/predict", many, Content_Type="text/csv").json()["predictions"]) == 40 * len(
            rows
        )
        strange = json.dumps({"row": {**rows[0], "work": "astronaut"}}).encode()
        assert server.request("POST", "/predict", strange, Content_Type="application/json").json()["unseen"] == {
            "work": "astronaut"
        }
        for wrong, words in (
            ({**rows[0], "agee": 1}, "did you mean 'age'?"),
            ({key: value for key, value in rows[0].items() if key != "age"}, "lacks the column 'age'"),
            ({**rows[0], "age": "forty"}, "row 1 of 2: `age` is not a number but a string: 'forty'"),
        ):
            refused = server.request(
                "POST", "/predict", json.dumps({"rows": [rows[0], wrong]}).encode(), Content_Type="application/json"
            )
            assert refused.status == 422
            error = refused.json()["error"]
            assert words in error["message"] + error["remedy"]
        refused = server.request("POST", "/predict", table.replace(b"age", b"agee"), Content_Type="text/csv")
        assert (refused.status, refused.json()["error"]["code"]) == (422, "unknown-column")
        with Client(server.url) as client:
            assert client.predict(row=rows[0]).probabilities == answers[0]["probabilities"]
            assert len(client.predict_many(rows=rows)) == len(rows)
            with pytest.raises(TypeError):
                client.predict_many([b""], rows=rows)
        document = server.request("GET", "/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        for example in document["application/json"]["examples"].values():
            asked = json.dumps(example["value"]).encode()
            assert server.request("POST", "/predict", asked, Content_Type="application/json").status == 200
        names = [feature["name"] for feature in server.request("GET", "/drift").json()["features"]]
        assert {"column age", "missing cells", "unseen cells"} <= set(names)
        assert server.stop() == 0
    finally:
        server.end()


def test_a_table_gets_predictions_beside_its_rows(bundle, project, tmp_path):
    source = project / "t.csv"
    lines = source.read_text().splitlines()
    lines[2] = lines[2].replace(lines[2].split(",")[1], "forty", 1)
    (tmp_path / "new.csv").write_text("\n".join(lines) + "\n")
    *_, (done, failed) = predict_table(Predictor(bundle), tmp_path / "new.csv", tmp_path / "out.csv")
    assert (done, failed) == (600, 1)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["error"] == "`age` is not a number but a string: 'forty'"
    assert np.mean([row["predicted_class"] == row["label"] for row in rows]) > 0.85
    assert [row["nr"] for row in rows] == [line.split(",")[0] for line in lines[1:]]
    (tmp_path / "bad.csv").write_text("agee,work\n1,2\n")
    with pytest.raises(KedjaError, match="has no column 'age'"):
        list(predict_table(Predictor(bundle), tmp_path / "bad.csv", tmp_path / "no.csv"))
    assert not (tmp_path / "no.csv").exists()


@pytest.mark.parametrize("target", ["triton", "mlserver"])
def test_packages_know_both_tensors(bundle, tmp_path, target):
    package(bundle, target, tmp_path / target)
    assert (tmp_path / target / "bundle" / MODEL).is_file()
