"""The server's settings: `key=value` arguments or KEDJA_* variables, refused at start where unsafe."""

from dataclasses import dataclass
from pathlib import Path

from kedja.bundle.errors import KedjaError
from kedja.cli import option

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Settings:
    """Serve a bundle over HTTP: predictions at /predict, a page at /, documentation at /docs.

    Every key may also be given as an environment variable, for example KEDJA_PORT=8080.
    """

    bundle: Path = option(Path("bundle"), "folder that `just export` wrote")
    host: str = option("127.0.0.1", "address to listen on; 0.0.0.0 for every network interface")
    port: int = option(8000, "port to listen on; 0 takes a free one and prints it")
    threads: int = option(0, "threads that decode and predict; 0: one for each CPU this process may use")
    max_batch: int = option(16, "images predicted in one call of the model at the most")
    max_body: int = option(20 * MEGABYTE, "bytes of a request at the most")
    max_images: int = option(64, "images of a request at the most")
    max_pixels: int = option(50_000_000, "width × height of an image at the most, judged before decoding")
    queue: int = option(256, "requests in work or waiting at the most; more are told to come again (503)")
    deadline: float = option(15.0, "seconds that a request may take, its upload included")
    access_log: bool = option(True, "one JSON line a request on standard error")

    def __post_init__(self) -> None:
        self._check("port", 0, 65_535)
        self._check("threads", 0, 1024)
        self._check("max_batch", 1, 4096)
        self._check("max_body", 1000, 1000 * MEGABYTE)
        self._check("max_images", 1, 10_000)
        self._check("max_pixels", 1, 500_000_000)
        self._check("queue", 1, 100_000)
        self._check("deadline", 0.1, 3600)
        if not self.host:
            raise KedjaError("host is empty", "host=127.0.0.1 for this machine alone, host=0.0.0.0 for every interface")

    def _check(self, key: str, lowest: float, highest: float) -> None:
        value = getattr(self, key)
        if not lowest <= value <= highest:
            raise KedjaError(f"{key}={value} is not within {lowest:,} and {highest:,}")
