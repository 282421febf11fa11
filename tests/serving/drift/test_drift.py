"""Real servers: what is like the training images is stable, what is not is named."""

import io
import signal
import time

import numpy as np
import pytest
from PIL import Image

from kedja.bundle import metadata as bundles
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.serving import keys
from kedja.serving.drift.drift import Allowance
from kedja.serving.drift.window import Board, Window
from support.bundles import encode, make_bundle, random_image

SPEC = ImageSpec(8, 8, 1)
PNG = {"Content_Type": "image/png"}
NPY = {"Content_Type": "application/x-npy"}


def until(condition, seconds=40):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)
    return found


def pictures(number, change=lambda image: image):
    rng = np.random.default_rng(5)
    return [change(random_image(rng, SPEC)) for _ in range(number)]


def arrays(images):
    buffer = io.BytesIO()
    np.save(buffer, np.stack([np.asarray(image)[..., None] for image in images]))
    return buffer.getvalue()


def drift(server):
    return server.request("GET", "/drift").json()


def serve_until(server, images, wanted):
    """Send images in lists of 25 until so many of them were compared; the report."""
    bodies = [arrays(images[start : start + 25]) for start in range(0, len(images), 25)]
    position = 0

    def enough():
        nonlocal position
        assert server.request("POST", "/predict", bodies[position % len(bodies)], **NPY).status == 200
        position += 1
        report = drift(server)
        return report if report["images"] >= wanted else None

    return until(enough)


def feature(report, name):
    return next(entry for entry in report["features"] if entry["name"] == name)


def test_images_like_those_of_the_training_are_stable(start_server, watched):
    server = start_server("drift=100", bundle=watched)
    assert drift(server)["verdict"] == "not enough images yet"
    report = serve_until(server, pictures(1000), 450)
    assert (report["verdict"], report["shifted"]) == ("stable", [])
    brightness = feature(report, "brightness")
    assert brightness["psi"] < brightness["psi_by_chance"] < 0.1
    assert sum(brightness["served"]) == pytest.approx(1)
    assert len(brightness["bins"]) == len(brightness["reference"]) == len(brightness["served"])
    # Raw pixels have no file, and keep nothing else waiting.
    assert (feature(report, "width")["images"], feature(report, "width")["verdict"]) == (0, "not enough images yet")
    lines = server.request("GET", "/metrics").body.decode().splitlines()
    assert 'kedja_drift_level{feature="brightness"} 0.0' in lines
    assert not any(line.startswith('kedja_drift_level{feature="width"}') for line in lines)


@pytest.mark.parametrize("workers", [1, 2])
def test_darkened_images_are_a_strong_shift_of_brightness(start_server, watched, workers):
    server = start_server("drift=100", f"workers={workers}", bundle=watched)
    report = serve_until(server, pictures(300, lambda image: image.point(lambda value: value // 3)), 90)
    assert report["verdict"] == "strong shift"
    assert {"brightness", "contrast", "sharpness"} <= set(report["shifted"])
    assert feature(report, "brightness")["distance"] > 0.7
    assert 'kedja_drift_level{feature="brightness"} 2.0' in server.request("GET", "/metrics").body.decode()


def test_what_moved_is_named_and_nothing_else(start_server, watched):
    server = start_server("drift=100", bundle=watched)
    # The same pixels in another order: only what depends on neighbours can tell.
    ordered = pictures(400, lambda image: Image.fromarray(np.sort(np.asarray(image), axis=None).reshape(8, 8)))
    report = serve_until(server, ordered, 150)
    assert "sharpness" in report["shifted"]
    assert not {"brightness", "contrast"} & set(report["shifted"])


def test_uploads_of_another_size_are_named(start_server, watched):
    server = start_server("drift=100", bundle=watched)
    bodies = [encode(image.resize((24, 8), Image.Resampling.NEAREST)) for image in pictures(30)]

    def enough():
        for body in bodies:
            assert server.request("POST", "/predict", body, **PNG).status == 200
        report = drift(server)
        return report if report["images"] >= 50 else None

    report = until(enough)
    assert {"width", "aspect"} <= set(report["shifted"])
    assert "height" not in report["shifted"]
    assert feature(report, "width")["bins"] == ["below 8", "8", "above 8"]
    assert feature(report, "width")["served"] == [0, 0, 1]


def test_several_workers_add_up_and_a_new_bundle_begins_anew(start_server, watched, tmp_path):
    bundle = tmp_path / "bundle"
    make_bundle(bundle, reference=300)
    server = start_server("drift=100", "workers=2", bundle=bundle)
    until(lambda: server.log.read_text().count('"message":"ready"') == 2)
    images = pictures(30)
    for image in images:  # fewer than may come at once, so all are counted, by whichever worker answered
        server.request("POST", "/predict", encode(image), **PNG)
    until(lambda: drift(server)["images"] == 30)
    assert {drift(server)["images"] for _ in range(8)} == {30}
    other = make_bundle(tmp_path / "other", seed=1, reference=600)
    bundle.rename(tmp_path / "old")
    other.rename(bundle)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.log.read_text().count("now serving") == 2)
    for _ in range(8):
        report = drift(server)
        assert report["model"]["version"] == bundles.load(bundle).version
        assert report["images"] == 0
        assert feature(report, "brightness")["reference_images"] == 600
    server.request("POST", "/predict", encode(images[0]), **PNG)
    until(lambda: drift(server)["images"] == 1)
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def test_without_a_reference_and_when_off_it_says_so(serve_here, digits, watched):
    for client, verdict in ((serve_here(digits), "no reference"), (serve_here(watched, drift=0), "off")):
        report = client.get("/drift").json()
        assert (report["verdict"], report["features"], report["images"]) == (verdict, [], 0)
        assert "kedja_drift_psi{" not in client.get("/metrics").text


def test_it_needs_a_key_where_metrics_do(serve_here, watched, tmp_path):
    key = keys.add(tmp_path / "keys.txt", "alice")
    client = serve_here(watched, keys=tmp_path / "keys.txt")
    assert client.get("/drift").status_code == client.get("/metrics").status_code == 401
    assert client.get("/drift", headers={"X-API-Key": key}).status_code == 200
    assert client.get("/monitor").status_code == 200


def test_a_window_forgets_by_number_and_by_time():
    window = Window(2, images=100, seconds=10)
    for now in range(5):
        window.add(now, 40, np.array([30, 10]))
    assert window.counts.tolist() == [60, 20]
    window.forget_old(13.5)
    assert window.counts.tolist() == [30, 10]
    window.forget_old(1000)
    assert window.counts.tolist() == [0, 0]
    window.add(1000, 500, np.array([400, 100]))
    assert window.counts.tolist() == [400, 100]


def test_a_board_adds_what_belongs_to_the_version(tmp_path):
    board = Board(tmp_path)
    assert board.total("a", 2).tolist() == [0, 0]
    board.publish("a", np.array([1, 2]))
    for process, version in ((-1, "a"), (-2, "b")):
        (tmp_path / f"drift_{process}.json").write_text(f'["{version}", [10, 20]]')
    assert board.total("a", 2).tolist() == [11, 22]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json"] * 3
    alone = Board(None)
    alone.publish("a", np.array([1, 2]))
    assert alone.total("a", 2).tolist() == [1, 2]
    assert alone.total("b", 3).tolist() == [0, 0, 0]


def test_so_many_a_second_and_no_more(monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    allowance = Allowance(10)
    assert [allowance.take(20), allowance.take(20), allowance.take(20)] == [20, 12, 0]
    now += 0.55
    assert [allowance.take(3), allowance.take(8), allowance.take(1)] == [3, 2, 0]
    now += 1000
    assert allowance.take(1000) == 32
