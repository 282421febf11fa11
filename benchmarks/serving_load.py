"""Load by wrk: bodies made of the bundle's samples, latency and errors read back, CPU time of the server taken."""

import base64
import json
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from kedja.bundle.metadata import Metadata
from serving_servers import Running


@dataclass(frozen=True)
class Body:
    """A request's body with the probabilities that belong to it."""

    content_type: str
    data: bytes
    probabilities: list[float]


@dataclass(frozen=True)
class Measurement:
    """rate: requests a second; p50_ms, p99_ms: latency; cpu_ms: CPU time of all the server's processes a request."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


def bodies(bundle: Path, loaded: Metadata, case: str, protocol: str) -> list[Body]:
    return [encode((bundle / g.file).read_bytes(), g.probabilities, loaded, case, protocol) for g in loaded.golden]


def encode(image: bytes, probabilities: list[float], loaded: Metadata, case: str, protocol: str) -> Body:
    if case == "pixels":
        value = {"pixels": loaded.input.decode(image).pixels.ravel().tolist()}
        return Body("application/json", json.dumps(value).encode(), probabilities)
    if protocol == "v2":  # the open inference protocol of MLServer and others
        entry = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(image).decode()]}
        return Body("application/json", json.dumps({"inputs": [entry]}).encode(), probabilities)
    if case == "base64":
        return Body("application/json", json.dumps({"image": base64.b64encode(image).decode()}).encode(), probabilities)
    boundary = uuid.uuid4().hex.encode()
    head = b'Content-Disposition: form-data; name="file"; filename="image"\r\nContent-Type: image/jpeg'
    data = b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (boundary, head, image, boundary)
    return Body(f"multipart/form-data; boundary={boundary.decode()}", data, probabilities)


class RequestsFailedError(Exception):
    """A server did not answer every request with 200: its figures would be those of refusals."""


SCRIPT = """
local bodies, types = {}, {}
for index = 1, %d do
  local file = io.open("%s/" .. index .. ".body", "rb"); bodies[index] = file:read("*a"); file:close()
  file = io.open("%s/" .. index .. ".type", "rb"); types[index] = file:read("*a"); file:close()
end
local turn = 0
function request()
  turn = turn %% #bodies + 1
  return wrk.format("POST", nil, {["Content-Type"] = types[turn]}, bodies[turn])
end
function done(summary, latency)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("RESULT %%d %%d %%f %%f %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors))
end
"""


class Load:
    """wrk in a process of its own, sending these bodies in turn to a running server."""

    def __init__(self, running: Running, case: str, content: list[Body], folder: Path) -> None:
        self._running = running
        self._url = running.url(case)
        self._script = folder / "load.lua"
        for index, body in enumerate(content, 1):
            (folder / f"{index}.body").write_bytes(body.data)
            (folder / f"{index}.type").write_text(body.content_type)
        self._script.write_text(SCRIPT % (len(content), folder, folder))

    def measure(self, concurrency: int, seconds: float) -> Measurement:
        """Raises RequestsFailedError when one did."""
        command = [
            "wrk",
            "-t1",
            f"-c{concurrency}",
            f"-d{seconds:g}s",
            "--timeout",
            "30s",
            "-s",
            str(self._script),
            self._url,
        ]
        before = self._running.cpu_seconds()
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        spent = self._running.cpu_seconds() - before
        line = next(line for line in output.splitlines() if line.startswith("RESULT"))
        requests, microseconds, p50, p99, errors = (float(word) for word in line.split()[1:])
        if errors or not requests:
            raise RequestsFailedError(f"{errors:.0f} of {requests:.0f} failed")
        return Measurement(requests / microseconds * 1e6, p50 / 1000, p99 / 1000, 1000 * spent / requests)
