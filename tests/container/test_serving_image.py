import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.delivery import image, smoke
from support.bundles import make_bundle

ROOT = Path(__file__).resolve().parents[2]
BASE = os.environ.get("KEDJA_BASE", "")
PYTHON = "/opt/kedja/bin/python"


def configuration(container_engine, tag):
    inspected = json.loads(container_engine.ask(["image", "inspect", tag]))[0]
    # Docker keeps the health check among the configuration, Podman beside it.
    return inspected["Config"] | ({"Healthcheck": inspected["Healthcheck"]} if "Healthcheck" in inspected else {})


def test_it_keeps_its_size_budget(serve_image):
    assert 0 < serve_image.bytes_over_base <= 150 * image.MEGABYTE


def test_it_gives_the_golden_answers_and_stops_cleanly(start, bundle):
    container = start()
    container.wait_until_ready()
    assert smoke.ask_golden(container.address, bundle) <= 1e-4
    assert container.stop() == 0


def test_it_says_what_it_is(container_engine, serve_image):
    config = configuration(container_engine, serve_image.tag)
    labels = config["Labels"]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == (head or "unknown")
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.source"]
    assert config["User"] == "65532:65532"
    assert config["StopSignal"] in ("SIGTERM", "15")
    assert config["Entrypoint"] == [PYTHON, "-m", "kedja.serving"]
    assert config["Healthcheck"]["Test"][0] == "CMD", "a shell form needs a shell"


def test_its_health_check_tells_ready_from_not(start):
    container = start()
    container.wait_until_ready()
    assert container.execute(PYTHON, "/opt/kedja/source/healthcheck.py").returncode == 0
    elsewhere = container.execute("env", "KEDJA_PORT=1", PYTHON, "/opt/kedja/source/healthcheck.py")
    assert elsewhere.returncode == 1
    assert "no answer" in elsewhere.stderr


def test_it_holds_no_privilege_and_writes_to_no_disk(start):
    container = start()
    container.wait_until_ready()
    assert container.execute("id", "-u").stdout.strip() == "65532"
    status = container.execute("cat", "/proc/1/status").stdout
    capabilities = {line.split()[0]: line.split()[1] for line in status.splitlines() if line.startswith("Cap")}
    assert set(capabilities.values()) == {"0" * 16}
    assert "NoNewPrivs:\t1" in status
    for folder in ("/", "/bundle", "/opt/kedja", "/usr/local/bin"):
        assert container.execute("touch", f"{folder}/x").returncode != 0, folder


def test_several_workers_share_their_metrics(start, bundle):
    container = start("--env", "KEDJA_WORKERS=2")
    container.wait_until_ready()
    smoke.ask_golden(container.address, bundle)
    with urllib.request.urlopen(f"{container.address}/metrics") as response:
        assert "kedja_predictions_total" in response.read().decode()
    assert container.stop() == 0


def test_it_reports_to_nobody(start):
    container = start()
    container.wait_until_ready()
    assert container.execute("env").stdout.count("ORT_DISABLE_TELEMETRY=1") == 1
    assert "telemetry" not in container.log().lower()


def test_it_brings_nothing_that_serving_does_not_need(start):
    container = start()
    container.wait_until_ready()
    for program in ("pip", "pip3", "uv", "gcc", "cc", "just"):
        assert container.execute("which", program).returncode != 0, program
    for module in ("torch", "pandas", "sklearn", "pip", "setuptools", "kedja.training", "kedja.data"):
        missing = container.execute(PYTHON, "-c", f"import {module}")
        assert "ModuleNotFoundError" in missing.stderr, module


def test_it_needs_no_bytecode_made_at_start(start):
    container = start()
    container.wait_until_ready()
    code = """
import importlib.util, pathlib, sys
folders = [pathlib.Path(p) for p in sys.path if p.startswith("/opt/kedja")]
sources = [f for folder in folders for f in folder.rglob("*.py")]
print(len(sources), sum(not pathlib.Path(importlib.util.cache_from_source(f)).exists() for f in sources))
"""
    sources, uncompiled = map(int, container.execute(PYTHON, "-c", code).stdout.split())
    assert sources > 500
    assert uncompiled == 0


def wait_until_ended(container):
    for _ in range(600):
        if container.state("Running") == "false":
            return
        time.sleep(0.1)
    pytest.fail("the container runs on")


def test_a_small_memory_limit_is_enough(start, bundle):
    container = start(memory="96m")
    container.wait_until_ready()
    smoke.ask_golden(container.address, bundle)
    assert container.stop() == 0


def test_out_of_memory_it_is_ended_and_the_machine_lives_on(start, tmp_path):
    container = start("--memory-swap", "24m", memory="24m")
    with pytest.raises(KedjaError, match="ended before it was ready"):
        container.wait_until_ready()
    wait_until_ended(container)
    assert container.state("ExitCode") == "137"
    assert container.state("OOMKilled") == "true" or (tmp_path / "oom").exists(), "killed, but not for its memory"
    assert "Traceback" not in container.log()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda folder: (folder / "model.onnx").write_bytes(b"not a model"), "model.onnx has changed"),
        (lambda folder: (folder / "metadata.json").unlink(), "no metadata.json"),
        (lambda folder: (folder / "samples" / "0.png").unlink(), "samples/0.png is missing"),
    ],
    ids=["changed model", "no metadata", "missing sample"],
)
def test_a_damaged_bundle_is_refused_with_one_message(start, bundle, tmp_path, damage, complaint):
    folder = shutil.copytree(bundle, tmp_path / "bundle")
    damage(folder)
    tmp_path.chmod(0o755)
    container = start("--volume", f"{folder}:/bundle:ro")
    wait_until_ended(container)
    assert container.state("ExitCode") == "1"
    assert complaint in container.log()
    assert "Traceback" not in container.log()


def test_a_mounted_bundle_takes_the_place_of_the_baked_one(start, bundle, tmp_path):
    other = make_bundle(tmp_path / "other", seed=1, name="other")
    container = start("--volume", f"{other}:/bundle:ro")
    container.wait_until_ready()
    assert smoke.ask_golden(container.address, other) <= 1e-4
    with pytest.raises(KedjaError, match="the bundle is"):
        smoke.ask_golden(container.address, bundle)


def test_two_builds_are_the_same_bytes(container_engine, serve_image, bundle):
    recipe = image.Recipe("serve", serve_image.tag + "-again", BASE, bundle.relative_to(ROOT))
    again = image.build(ROOT, container_engine, recipe, cache=False)
    subprocess.run([container_engine.program, "rmi", "--force", recipe.tag], capture_output=True)
    image.check_reproducible(serve_image, again)
    assert len(again.layers) > 3
