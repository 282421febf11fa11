"""A client of a running service: waits until it is ready, and holds its answers against the golden ones."""

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import read_json

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


def wait_until_ready(address: str, seconds: float, alive: Callable[[], bool] = lambda: True) -> float:
    """Seconds until `/health/ready` answers 200.

    Args:
        address: `http://host:port`.
        alive: asked in between; False ends the waiting, for a server that has died.

    Raises:
        KedjaError: it died, or did not get ready in time.
    """
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        try:
            with _open(f"{address}/health/ready", timeout=2):
                return time.monotonic() - started
        except (OSError, http.client.HTTPException):
            if not alive():
                raise KedjaError(f"the service at {address} ended before it was ready", "its log says why") from None
            time.sleep(0.02)
    raise KedjaError(f"the service at {address} was not ready within {seconds:.0f} s", "its log says why")


def ask_golden(address: str, bundle: Path) -> float:
    """Post every golden example as it lies in the bundle; the largest difference of a probability.

    Reads `metadata.json` as any other program would, so that this runs without a package installed.

    Raises:
        KedjaError: another model, an error of the service, or a difference above the bundle's tolerance.
    """
    metadata = read_json(bundle / "metadata.json")
    largest = 0.0
    for golden in metadata["golden"]:
        image = bundle / golden["file"]
        answer = predict(address, image)
        served = answer["model"]["version"]
        if served != metadata["version"]:
            raise KedjaError(f"{address} serves version {served} of a model, the bundle is {metadata['version']}")
        pairs = zip(answer["probabilities"], golden["probabilities"], strict=True)
        difference = max(abs(one - other) for one, other in pairs)
        if not difference <= metadata["tolerance"]:
            raise KedjaError(f"{golden['file']}: a probability differs by {difference:.2g} from what training said")
        largest = max(largest, difference)
    if not metadata["golden"]:
        raise KedjaError(f"{bundle} has no golden examples", "export again with `just export`")
    return largest


def predict(address: str, image: Path) -> dict[str, Any]:
    """The service's answer to one encoded image."""
    headers = {"Content-Type": _TYPES.get(image.suffix.lower(), "application/octet-stream")}
    request = urllib.request.Request(f"{address}/predict", image.read_bytes(), headers)  # noqa: S310 - http, given by the caller
    try:
        with _open(request, timeout=30) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        raise KedjaError(f"{image.name}: status {error.code}: {error.read().decode(errors='replace')[:300]}") from None
    except OSError as error:
        raise KedjaError(f"{address} does not answer: {error}") from None


def _open(request: str | urllib.request.Request, timeout: float) -> Any:
    """Ask; a server on this very machine directly, whatever proxy the environment names."""
    address = request if isinstance(request, str) else request.full_url
    host = urllib.parse.urlsplit(address).hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    direct = [urllib.request.ProxyHandler({})] if here else []
    return urllib.request.build_opener(*direct).open(request, timeout=timeout)
