"""The real Dockerfile, built and run for real. `just docker-test` runs these; plain `just test` leaves them out."""

import contextlib
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from kedja.delivery import engine, image, smoke
from support.bundles import make_bundle
from support.servers import reserved_port

ROOT = Path(__file__).resolve().parents[2]
BASE = os.environ.get("KEDJA_BASE", "")


def pytest_collection_modifyitems(items):
    if os.environ.get("KEDJA_CONTAINER") != "1":
        for item in items:
            if Path(item.fspath).parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason="container tests run with: just docker-test"))


@pytest.fixture(scope="session")
def container_engine():
    """The engine, or an error: whoever asks for these tests wants them run."""
    found = engine.find()
    assert found.program != "buildah", "buildah alone runs nothing"
    return found


@pytest.fixture(scope="session")
def bundle():
    """A real bundle inside the repository, where the build can see it; removed afterwards."""
    folder = ROOT / "bundle" / f".test-{uuid.uuid4().hex[:8]}"
    try:
        yield make_bundle(folder)
    finally:
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            (ROOT / "bundle").rmdir()  # only where it was made for this


@pytest.fixture(scope="session")
def serve_image(container_engine, bundle):
    """The serving image with the bundle baked in, made without what earlier builds left in a cache."""
    recipe = image.Recipe("serve", f"kedja-test-{uuid.uuid4().hex[:8]}", BASE, bundle.relative_to(ROOT))
    built = image.build(ROOT, container_engine, recipe, cache=False)
    yield built
    subprocess.run([container_engine.program, "rmi", "--force", recipe.tag], capture_output=True)


class Container:
    """A container of the serving image, hardened, on a port of its own of this machine's network."""

    def __init__(self, program, folder, tag, *options, memory="256m", arguments=()):
        self.program, self.folder, self.name = program, folder, f"kedja-test-{uuid.uuid4().hex[:8]}"
        with reserved_port() as port:
            self._start(port, tag, options, memory, arguments)

    def _start(self, port, tag, options, memory, arguments):
        self.address = f"http://127.0.0.1:{port}"
        command = [self.program, "run", "--detach", "--name", self.name, "--network", "host", *engine.HARDENED]
        command += ["--memory", memory, "--pids-limit", "64", "--env", f"KEDJA_PORT={port}", *options]
        self.do(*command[1:], tag, *arguments)

    def do(self, *words, check=True):
        # In a folder of its own: Podman leaves a file named `oom` where it was called, when memory ran out.
        done = subprocess.run([self.program, *words], cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done

    def state(self, field):
        return self.do("inspect", "--format", "{{.State.%s}}" % field, self.name).stdout.strip()  # noqa: UP031 - braces

    def wait_until_ready(self):
        return smoke.wait_until_ready(self.address, 60, lambda: self.state("Running") == "true")

    def execute(self, *words):
        return self.do("exec", self.name, *words, check=False)

    def log(self):
        done = self.do("logs", self.name)
        return done.stdout + done.stderr

    def stop(self):
        """SIGTERM, ten seconds, SIGKILL; the exit status."""
        self.do("stop", "--time", "10", self.name)
        return int(self.state("ExitCode"))


@pytest.fixture
def start(container_engine, serve_image, tmp_path):
    """Start containers; they are gone when the test is over."""
    started = []

    def run(*options, **settings):
        container = Container(container_engine.program, tmp_path, serve_image.tag, *options, **settings)
        started.append(container)
        return container

    yield run
    for container in started:
        container.do("rm", "--force", "--volumes", container.name, check=False)
