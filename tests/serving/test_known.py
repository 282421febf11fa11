"""`known` in every form of the answer, in metrics and metadata; `explain=true`, and that nobody else waits for it."""

import io

import numpy as np
import pytest
from PIL import Image

from kedja.bundle import known
from kedja.bundle.inputs.image.spec import ImageSpec
from support.bundles import make_bundle

THRESHOLD = 2.0


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("knowing") / "bundle", known=THRESHOLD)


def samples(bundle):
    return [path.read_bytes() for path in sorted((bundle / "samples").iterdir())]


def scores(bundle):
    found = known.load(bundle, [known.KNOWN])
    assert found is not None
    return found.golden


ACCEPTED = ["application/json", "application/vnd.kedja.class+json", "application/vnd.kedja.top+json; k=2"]


@pytest.mark.parametrize("accept", ACCEPTED)
def test_every_form_of_the_answer_says_it(serve_here, knowing, accept):
    client = serve_here(knowing)
    files = [("file", (f"{i}.png", data)) for i, data in enumerate(samples(knowing))]
    answers = client.post("/predict", files=files, headers={"Accept": accept}).json()["predictions"]
    assert [one["known"] for one in answers] == [score >= THRESHOLD for score in scores(knowing)]
    assert all(one["predicted_class"] for one in answers)


def test_unknowns_are_counted_and_the_model_says_what_they_are(serve_here, knowing):
    client = serve_here(knowing)
    for data in samples(knowing):
        client.post("/predict", content=data, headers={"Content-Type": "image/png"})
    unknown = sum(score < THRESHOLD for score in scores(knowing))
    assert unknown > 0
    assert f"kedja_unknown_total {unknown}.0" in client.get("/metrics").text
    said = client.get("/model").json()["known"]
    assert (said["threshold"], said["false_alarms"]) == (THRESHOLD, 0.05)
    assert said["against"][0]["auroc"] == 0.9
    assert "golden" not in said


def test_a_bundle_of_before_says_nothing(serve_here, digits):
    client = serve_here(digits)
    answer = client.post("/predict", content=samples(digits)[0], headers={"Content-Type": "image/png"}).json()
    assert "known" not in answer
    assert client.get("/model").json()["known"] is None


def test_an_explanation_comes_with_the_answer_it_explains(serve_here, knowing):
    client = serve_here(knowing)
    data = samples(knowing)[0]
    plain = client.post("/predict", content=data, headers={"Content-Type": "image/png"}).json()
    assert "explanation" not in plain
    why = client.post("/predict?explain=true", content=data, headers={"Content-Type": "image/png"}).json()
    explanation = why.pop("explanation")
    assert why == plain
    assert explanation["class"] == plain["predicted_class"]
    assert np.array(explanation["weights"]).shape == (8, 8)
    assert "parts" not in explanation


def test_the_explanation_points_at_what_was_put_into_the_corner(serve_here, tmp_path):
    bundle = make_bundle(tmp_path / "bundle", ImageSpec(64, 64, 3), ["a", "b", "c"])
    client = serve_here(bundle)
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    grey = np.full((64, 64, 3), 128, np.uint8)
    grey[48:, :16] = noise
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    headers = {"Content-Type": "image/png"}
    answer = client.post("/predict?explain=true", content=buffer.getvalue(), headers=headers).json()
    mass = np.abs(np.array(answer["explanation"]["weights"]))
    # What is hidden elsewhere is as grey as what hides it; windows reach half a cell over their edges.
    assert mass[5:, :3].sum() > 0.8 * mass.sum()


@pytest.mark.parametrize("flag", ["maybe", "", "2"])
def test_what_is_neither_true_nor_false_is_refused(serve_here, knowing, flag):
    response = serve_here(knowing).post(f"/predict?explain={flag}", content=samples(knowing)[0])
    assert response.status_code == 422
    assert "explain=true" in response.json()["error"]["remedy"]


def test_a_request_may_ask_why_of_a_few_only(serve_here, knowing):
    files = [("file", (f"{i}.png", samples(knowing)[0])) for i in range(5)]
    client = serve_here(knowing)
    assert client.post("/predict?explain=true", files=files[:4]).status_code == 200
    response = client.post("/predict?explain=true", files=files)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too-many-images")


def test_the_documentation_names_both(serve_here, knowing):
    document = serve_here(knowing).get("/openapi.json").json()
    assert [one["name"] for one in document["paths"]["/predict"]["post"]["parameters"]] == ["explain"]
    properties = document["components"]["schemas"]["OneAnswer"]["properties"]
    assert {"known", "explanation"} <= set(properties)
