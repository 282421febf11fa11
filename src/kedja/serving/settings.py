"""The server's settings: `key=value` arguments or KEDJA_* variables, refused at start where unsafe."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from kedja.bundle.inputs.image.formats import NAMES
from kedja.common.errors import KedjaError, nearest
from kedja.common.options import check, option
from kedja.serving.providers import CPU, ENGINES

MEGABYTE = 1_000_000
# The name is prometheus_client's; it reads the variable when it is imported.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# In that folder: what a process with this id has seen of late.
WINDOW_FILE = "drift_{}.json"

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
_COLLECTOR = re.compile(r"https?://[^/\s?#]+[^\s?#]*")


@dataclass(frozen=True)
class Settings:
    """Serve a bundle over HTTP: predictions at /predict, a page at /, documentation at /docs.

    Every key may also be given as an environment variable, for example KEDJA_PORT=8080.
    """

    bundle: Path = option(Path("bundle"), "folder that `just export` wrote")
    variant: str = option("fp32", "which of the bundle's models answers; int8 where `just export int8=true` made it")
    engine: str = option(
        CPU, "who computes; cuda and tensorrt need onnxruntime-gpu and NVIDIA's libraries", choices=ENGINES
    )
    host: str = option("127.0.0.1", "address to listen on; 0.0.0.0 for every network interface")
    port: int = option(8000, "port to listen on; 0 takes a free one and prints it", within=(0, 65_535))
    workers: int = option(1, "processes; one for each core pays off most for small inputs", within=(1, 256))
    threads: int = option(
        0, "threads of a process that decode and predict; 0: one for each CPU it may use", within=(0, 1024)
    )
    max_batch: int = option(8, "images predicted in one call of the model at the most", within=(1, 4096))
    max_body: int = option(20 * MEGABYTE, "bytes of a request at the most", within=(1000, 1000 * MEGABYTE))
    max_images: int = option(64, "images of a request at the most", within=(1, 10_000))
    max_pixels: int = option(
        50_000_000, "width × height of an image at the most, judged before decoding", within=(1, 500_000_000)
    )
    max_text: int = option(
        100_000, "bytes of a text at the most, judged before it is cut into tokens", within=(1, 10_000_000)
    )
    formats: list[str] = option(
        ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"],
        "formats of images that are read, beside those of the bundle's samples; also PPM, TGA, ICO, JPEG2000, and "
        "those that take long: BMP-RLE, PPM-PLAIN",
    )
    memory: int = option(
        320 * MEGABYTE,
        "bytes that requests of a process may hold: two fifths of it uploads, those of one client half of that",
        within=(5000, 1000_000 * MEGABYTE),
    )
    decoders: int = option(
        0,
        "processes of a process that decode what is not plainly cheap; 0: as many as threads, 4 at the most",
        within=(0, 256),
    )
    queue: int = option(
        512,
        "requests of a process, arrived and not yet answered, at the most; more are told to come again (503)",
        within=(1, 100_000),
    )
    deadline: float = option(15.0, "seconds that a request may take, its upload included", within=(0.1, 3600))
    header_timeout: float = option(10.0, "seconds in which a request's head must arrive", within=(0.1, 600))
    upload_timeout: float = option(5.0, "seconds without a byte after which an upload is given up", within=(0.1, 600))
    upload_rate: int = option(
        1000, "bytes a second of an upload at the least, over every upload_timeout; 0: any", within=(0, 1000 * MEGABYTE)
    )
    idle_timeout: float = option(75.0, "seconds that an idle connection is kept", within=(1, 3600))
    drain: float = option(
        1.0,
        "seconds after SIGTERM in which requests are still welcome; each answer ends its connection",
        within=(0, 600),
    )
    watch: float = option(0.0, "look for a new bundle every so many seconds; 0: only on SIGHUP", within=(0, 3600))
    drift: float = option(
        10.0,
        "images a second of a process that are compared with the training images (see /drift); 0: none",
        within=(0, 100),
    )
    drift_images: int = option(
        5000, "how many of the last of them a process compares at the most", within=(100, 1_000_000)
    )
    drift_minutes: float = option(60.0, "how long an image counts in the comparison", within=(0.1, 10_080))
    keys: Path | None = option(None, "file of API keys (`just api-key name=…`); requests then need one")
    cors: list[str] = option([], "origins whose web pages may ask, for example https://shop.example")
    tls_certificate: Path | None = option(None, "PEM file; with tls_key, answers in HTTPS")
    tls_key: Path | None = option(None, "PEM file, readable by its owner alone")
    otel: str = option("", "base address of an OpenTelemetry collector, for example http://localhost:4318; off without")
    access_log: bool = option(True, "one JSON line a request on standard error")

    def __post_init__(self) -> None:
        check(self)
        if not self.host:
            raise KedjaError("host is empty", "host=127.0.0.1 for this machine alone, host=0.0.0.0 for every interface")
        if self.workers > 1 and not hasattr(os, "fork"):
            raise KedjaError(f"workers={self.workers} needs Linux or macOS", "workers=1")
        self._check_limits()
        for origin in self.cors:
            if not _ORIGIN.fullmatch(origin):
                raise KedjaError(f"cors={origin} is no origin", "name each one, for example cors=https://shop.example")
        if self.otel and not _COLLECTOR.fullmatch(self.otel):
            raise KedjaError(f"otel={self.otel} is no address of a collector", "for example otel=http://localhost:4318")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise KedjaError("HTTPS needs both tls_certificate and tls_key")
        if self.keys is not None:
            _check_file("keys", self.keys, stat.S_IWGRP | stat.S_IWOTH, "written")
        if self.tls_certificate is not None:
            _check_file("tls_certificate", self.tls_certificate, stat.S_IWGRP | stat.S_IWOTH, "written")
        if self.tls_key is not None:
            _check_file("tls_key", self.tls_key, stat.S_IRWXG | stat.S_IRWXO, "used")

    def _check_limits(self) -> None:
        for name in self.formats:
            if name not in NAMES:
                raise KedjaError(f"formats={name} is not read", nearest(name, list(NAMES)))
        if self.memory < 5 * self.max_body:
            raise KedjaError(
                f"memory={self.memory} does not hold max_body={self.max_body}, of which it takes five",
                f"memory={5 * self.max_body} or more, or a smaller max_body",
            )


def _check_file(key: str, path: Path, forbidden: int, verb: str) -> None:
    if not path.is_file():
        raise KedjaError(f"{key}={path} is no file")
    if os.name == "posix" and path.stat().st_mode & forbidden:
        raise KedjaError(f"{key}={path} can be {verb} by others than its owner", f"chmod 600 {path}")
