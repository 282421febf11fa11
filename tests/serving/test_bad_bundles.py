"""Bundles made to harm: each is refused, counted and logged, and what was served is served on."""

import logging
import re
import shutil

import pytest

from kedja.bundle import integrity
from kedja.bundle import metadata as bundles
from kedja.bundle.metadata import METADATA, MODEL_CARD
from kedja.common.errors import KedjaError
from kedja.serving.predictor import Predictor
from support.bad_bundles import SAME_VERSION, SEALED, forge, put, reverse_classes
from support.bundles import make_bundle
from support.servers import wait_until


@pytest.fixture
def bundle(watched, tmp_path):
    return shutil.copytree(watched, tmp_path / "bundle")


def counted(client, result):
    value = client.app.state.service.metrics.reloads.labels(result)._value.get()
    return int(value)


def refused(client, caplog):
    """Reload, which must refuse, count and say why."""
    before, seen = counted(client, "refused"), client.get("/model").json()
    with caplog.at_level(logging.ERROR):
        client.portal.call(client.app.state.service.reload)
    assert counted(client, "refused") == before + 1
    assert counted(client, "served") == 0
    assert client.get("/model").json() == seen
    return caplog.text


@pytest.mark.parametrize("what", SEALED)
def test_a_bundle_that_is_wrong_in_one_thing(serve_here, bundle, caplog, what):
    client = serve_here(bundle)
    forge(bundle, SEALED[what])
    text = refused(client, caplog)
    assert "the new bundle is not served" in text
    # Found by looking, not by an exception of a library that stumbled over it.
    with pytest.raises(KedjaError):
        Predictor(bundle)


def test_a_file_that_leads_in_a_circle(serve_here, bundle, caplog):
    client = serve_here(bundle)
    (bundle / MODEL_CARD).unlink()
    (bundle / MODEL_CARD).symlink_to(MODEL_CARD)
    assert f"{MODEL_CARD} is missing" in refused(client, caplog)


@pytest.mark.parametrize("what", SAME_VERSION)
def test_other_metadata_under_the_same_version(serve_here, bundle, caplog, what):
    client = serve_here(bundle)
    forge(bundle, SAME_VERSION[what], sealed=False)
    assert "version does not fit" in refused(client, caplog)


def as_schema_1(bundle):
    """What an earlier release wrote: the version counts the files alone."""
    forge(bundle, put("schema_version", to=1), sealed=False)
    value = bundles.load(bundle)
    bundles.save(bundle, integrity.seal(value))


def test_a_bundle_of_schema_1_is_read_by_its_own_rule(bundle):
    as_schema_1(bundle)
    read = bundles.load(bundle)
    assert read.schema_version == 1
    Predictor(bundle)
    listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(read.files.items()))
    import hashlib

    assert read.version == hashlib.sha256(listing.encode()).hexdigest()[:12]


def test_a_reload_of_schema_1_changes_nothing_under_one_version(serve_here, bundle, caplog):
    as_schema_1(bundle)
    client = serve_here(bundle)
    forge(bundle, reverse_classes, sealed=False)
    assert "other metadata" in refused(client, caplog)


def test_an_unforeseen_exception_is_a_refused_reload(serve_here, bundle, caplog, monkeypatch):
    client = serve_here(bundle)

    def stumble(*_, **__):
        raise RecursionError("of a library")

    monkeypatch.setattr("kedja.serving.state.Predictor", stumble)
    assert "RecursionError: of a library" in refused(client, caplog)


def refusals(server):
    found = re.search(r'reloads_total{result="refused"} ([0-9.]+)', server.request("GET", "/metrics").body.decode())
    return float(found[1]) if found else 0.0


def test_the_watcher_outlives_them_all(start_server, bundle, watched, tmp_path):
    server = start_server("watch=0.05", bundle=bundle)
    wait_until(lambda: "ready" in server.log.read_text())
    for number, spoil in enumerate(SEALED.values(), 1):
        bad = shutil.copytree(watched, tmp_path / f"bad-{number}")
        forge(bad, spoil)
        for path in sorted(bad.rglob("*")):
            if path.is_file() and path.name != METADATA:
                shutil.copyfile(path, bundle / path.relative_to(bad))
        before = refusals(server)
        (bad / METADATA).replace(bundle / METADATA)
        wait_until(lambda before=before: refusals(server) > before)  # type: ignore[misc]
        shutil.rmtree(bad)
    good = make_bundle(tmp_path / "good", seed=5)
    for path in sorted(good.rglob("*"), key=lambda one: one.name == METADATA):
        if path.is_file():
            shutil.copyfile(path, bundle / path.relative_to(good))
    version = bundles.load(good).version
    wait_until(lambda: server.request("GET", "/model").json()["version"] == version)
