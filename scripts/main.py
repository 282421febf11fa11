"""The whole chain, top to bottom: from no data to one checked prediction of a running service."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kedja import cli
from kedja.bundle.errors import KedjaError
from kedja.bundle.metadata import Golden, Metadata, load

BUNDLE = Path("bundle")
READY_WITHIN = 30  # seconds


@dataclass
class Options:
    """Run the whole chain: data, experiments, report, export, service, one checked prediction."""

    data: str = cli.option("digits", "the prepared data set")
    jobs: int | None = cli.option(None, "runs side by side; from the cores by default")


def main(options: Options) -> None:
    started = time.perf_counter()

    headline("data")
    cli.call("prepare_data.py", f"name={options.data}")

    headline("experiments")
    jobs = [] if options.jobs is None else [f"jobs={options.jobs}"]
    cli.call("experiments.py", f"data.name={options.data}", *jobs)

    headline("report")
    cli.call("report.py")

    headline("export")
    cli.call("export.py", f"bundle={BUNDLE}")

    headline("service")
    metadata = load(BUNDLE)
    with service(BUNDLE) as address:
        check_prediction(address, metadata, metadata.golden[0])

    print(f"\nThe chain holds: {metadata.name} {metadata.version} serves what was trained", end=" ")
    print(f"({time.perf_counter() - started:.0f} s). Next: `just serve`, `just docker-run`.")


def headline(link: str) -> None:
    print(f"\n── {link} " + "─" * (60 - len(link)), flush=True)


@contextmanager
def service(bundle: Path) -> Iterator[str]:
    """A server process of its own on a free port of this machine; stopped at the end."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    script = Path(__file__).with_name("serve.py")
    command = [sys.executable, str(script), f"bundle={bundle}", f"port={port}", "host=127.0.0.1"]
    with subprocess.Popen(command) as process:
        try:
            wait_until_ready(address, process)
            yield address
        finally:
            process.terminate()
            if process.wait(timeout=READY_WITHIN) not in (0, cli.EXIT_INTERRUPTED):
                raise KedjaError(f"the server ended with status {process.returncode}", "its message is above")
    print("the server stopped cleanly")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_ready(address: str, process: "subprocess.Popen[bytes]") -> None:
    started = time.perf_counter()
    while time.perf_counter() - started < READY_WITHIN:
        if process.poll() is not None:
            raise KedjaError(f"the server ended with status {process.returncode}", "its message is above")
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=1):
                print(f"the server was ready after {time.perf_counter() - started:.1f} s")
                return
        except OSError:
            time.sleep(0.05)
    raise KedjaError(f"the server was not ready within {READY_WITHIN} s", "try `just serve` to see why")


def check_prediction(address: str, metadata: Metadata, golden: Golden) -> None:
    """Post one real image and hold the answer against what the trained model said of it."""
    image = (BUNDLE / golden.file).read_bytes()
    request = urllib.request.Request(f"{address}/predict", image, {"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    expected = metadata.classes[golden.probabilities.index(max(golden.probabilities))]
    truth, said = metadata.classes[golden.label], answer["predicted_class"]
    print(f"POST /predict {golden.file} → {said!r} (the trained model says {expected!r}; the label is {truth!r})")
    if said != expected:
        raise KedjaError(
            f"the service says {said!r}, the trained model {expected!r}", "export again with `just export`"
        )


if __name__ == "__main__":
    cli.run(main, Options)
