"""The servers that are compared: how each is installed, started, asked, watched and stopped."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from kedja.common import cpus
from kedja.export.package import package

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks/serving_peers"
ENVIRONMENTS = ROOT / ".cache/peers"
PROJECT = sys.executable
SAME = {"upload": "/upload", "base64": "/base64", "pixels": "/pixels"}
ONE = dict.fromkeys(("upload", "base64", "pixels"), "/predict")
ROOTS = dict.fromkeys(ONE, "/")
BENTOML = ["{python}", "-m", "bentoml", "serve", "bentoml_service:Classifier", "--working-dir", str(PEERS)]
BENTOML += ["--port", "{port}"]
TORCHSERVE = ["--foreground", "--ncs", "--ts-config", "{folder}/torchserve/config.properties"]
COMMON = ["onnxruntime", "pillow", "numpy", "python-multipart"]
SECONDS_TO_START = 90
# How far probabilities may be from the golden ones in fp32.
EXACT = 1e-4


@dataclass(frozen=True)
class Server:
    """command: words, where {port}, {python} and {folder} are filled in; packages: of its own environment, if any."""

    name: str
    command: list[str]
    paths: dict[str, str]
    packages: list[str] = field(default_factory=list)
    protocol: str = "plain"

    @property
    def python(self) -> str:
        return str(ENVIRONMENTS / self.name / "bin/python") if self.packages else PROJECT


def uvicorn(module: str) -> list[str]:
    return ["{python}", "-m", "uvicorn", module, "--port", "{port}", "--app-dir", str(PEERS), "--no-access-log"]


SERVERS = {
    server.name: server
    for server in [
        Server("kedja", ["{python}", "-m", "kedja.serving", "bundle={bundle}", "port={port}", "access_log=false"], ONE),
        Server("fastapi-onnxruntime", uvicorn("fastapi_onnxruntime:app"), SAME),
        Server("fastapi-pytorch", uvicorn("fastapi_pytorch:app"), SAME),
        Server("litserve", ["{python}", str(PEERS / "litserve_server.py"), "{port}"], ONE, ["litserve", *COMMON]),
        Server("bentoml", BENTOML, SAME, ["bentoml", *COMMON]),
        Server(
            "mlserver",
            ["{python}", "-c", "from mlserver.cli import main; main()", "start", "{folder}/mlserver"],
            {"upload": "/v2/models/classifier/infer", "base64": "/v2/models/classifier/infer"},
            ["mlserver", *COMMON],
            protocol="v2",
        ),
        Server(
            "torchserve",
            ["{python}", "-c", "from ts.model_server import start; start()", *TORCHSERVE],
            {"upload": "/predictions/classifier"},
            ["torchserve", "torch", "pyyaml", *COMMON],
        ),
        Server("ray-serve", ["{python}", str(PEERS / "ray_serve.py"), "{port}"], ROOTS, ["ray[serve]", *COMMON]),
    ]
}


def prepare(server: Server) -> None:
    """Make the server's own environment where it needs one and has none yet."""
    if not server.packages or Path(server.python).exists():
        return
    print(f"  installing {server.name} in {ENVIRONMENTS.relative_to(ROOT)}/", flush=True)
    folder = ENVIRONMENTS / server.name
    subprocess.run(["uv", "venv", "--quiet", "--python", "3.11", folder], check=True)
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", server.python, *server.packages], check=True)


class Running:
    """A server between its start and its end."""

    def __init__(self, server: Server, bundle: Path, folder: Path) -> None:
        self.server = server
        self._held: list[socket.socket] = []
        self.port = self._reserve()
        if server.name == "mlserver":
            _write_mlserver_settings(folder / "mlserver", self.port, self._reserve)
        if server.name == "torchserve":
            _write_torchserve_settings(folder / "torchserve", bundle, self.port, self._reserve)
        values = {"python": server.python, "port": self.port, "bundle": bundle.resolve(), "folder": folder}
        self._command = [word.format(**values) for word in server.command]
        path = os.pathsep.join([str(ROOT / "src"), str(PEERS)])
        self._environment = {**os.environ, "BUNDLE": str(bundle.resolve()), "PYTHONPATH": path}
        # TorchServe starts its workers with the python that PATH names, and writes logs where it stands.
        self._environment["PATH"] = f"{Path(server.python).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment |= {"LOG_LOCATION": str(folder), "METRICS_LOCATION": str(folder)}
        self._log = folder / f"{server.name}.log"
        self.seconds_to_ready = 0.0

    def __enter__(self) -> "Running":
        self._started = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = psutil.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._held:
            one.close()
        if not self._process.is_running():
            return
        processes = self._tree()
        self._process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=15)
        for process in alive:
            process.kill()
        self._process.wait()

    def _reserve(self) -> int:
        """A port that the system gives to nobody while it is held here, except to who asks for it by its number."""
        held = socket.socket()
        self._held.append(held)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])

    def url(self, case: str) -> str:
        return f"http://127.0.0.1:{self.port}{self.server.paths[case]}"

    def wait_until_right(self, case: str, content: list[Any], tolerance: float = EXACT) -> None:
        """Until every body gets its golden answer; then the server is known to compute the same."""
        while not self._answers(case, content[0]):
            if self._process.poll() is not None or time.perf_counter() - self._started > SECONDS_TO_START:
                raise RuntimeError(f"{self.server.name} did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.seconds_to_ready = time.perf_counter() - self._started
        for body in content:
            answer = self._ask(case, body)
            difference = max(abs(a - b) for a, b in zip(answer["probabilities"], body.probabilities, strict=True))
            if difference > tolerance:
                raise RuntimeError(f"{self.server.name} answers differently, by {difference}")

    def wait_for_processes(self, count: int) -> None:
        """Until that many of ours have said that they are ready: kept connections stay with whom they began."""
        while self._log.read_text().count('"message":"ready"') < count:
            if time.perf_counter() - self._started > SECONDS_TO_START:
                raise RuntimeError(f"not all {count} processes got ready:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def cpu_seconds(self) -> float:
        """Of the process and all below it; those that ended meanwhile are missing."""
        return float(sum(times.user + times.system for times in (process.cpu_times() for process in self._tree())))

    def resident_megabytes(self) -> float:
        """Proportional set size: memory that processes share is counted once."""
        return float(sum(process.memory_full_info().pss for process in self._tree())) / 1e6

    def _tree(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def _answers(self, case: str, body: Any) -> bool:
        try:
            self._ask(case, body)
        except OSError:
            return False
        return True

    def _ask(self, case: str, body: Any) -> Any:
        request = urllib.request.Request(self.url(case), body.data, {"Content-Type": body.content_type})
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = json.load(response)
        return json.loads(answer["outputs"][0]["data"][0]) if self.server.protocol == "v2" else answer


def _write_mlserver_settings(folder: Path, port: int, reserve: Callable[[], int]) -> None:
    folder.mkdir(exist_ok=True)
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": reserve(), "metrics_port": reserve()}
    # Its pool of workers did not come up with this runtime; one process predicts with the runtime's own threads.
    (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
    model = {"name": "classifier", "implementation": "mlserver_runtime.Classifier"}
    (folder / "model-settings.json").write_text(json.dumps(model))


def _write_torchserve_settings(folder: Path, bundle: Path, port: int, reserve: Callable[[], int]) -> None:
    """What `just package target=torchserve` writes, with batches and a worker for each CPU."""
    package(bundle, "torchserve", folder)
    (archive,) = (folder / "model_store").iterdir()
    workers = cpus.available()
    model = {"marName": archive.name, "minWorkers": workers, "maxWorkers": workers, "batchSize": 8, "maxBatchDelay": 1}
    settings = {
        **{f"{name}_address": f"http://127.0.0.1:{reserve()}" for name in ("management", "metrics")},
        "inference_address": f"http://127.0.0.1:{port}",
        "grpc_inference_port": reserve(),
        "grpc_management_port": reserve(),
        "model_store": archive.parent,
        "load_models": f"classifier={archive.name}",
        "models": json.dumps({"classifier": {"1.0": model}}),
        "disable_token_authorization": "true",
    }
    lines = [f"{key}={value}" for key, value in settings.items()]
    (folder / "config.properties").write_text("\n".join(lines) + "\n")
