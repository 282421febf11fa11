"""A soak of mixed requests: is memory flat, is every answer right, does a stop under load lose any?

Good images, raw pixels, arrays, several at once, and bad input of several kinds, from threads on kept connections,
on the loopback address. At the end SIGTERM is sent under full load; requests that were accepted must be answered.
"""

import base64
import http.client
import io
import itertools
import json
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from kedja import cli
from kedja.bundle import integrity, metadata


@dataclass
class Options:
    """Ask the service many times, watch its memory, then stop it under load."""

    bundle: Path = cli.option(Path("bundle"), "what is served")
    requests: int = cli.option(100_000, "how many before the stop at the least")
    minutes: float = cli.option(0.0, "how long at the least")
    reload: float = cli.option(0.0, "seconds from one hot reload (SIGHUP) to the next; 0: none")
    drain: float = cli.option(1.0, "seconds in which the stopping service still takes requests")
    clients: int = cli.option(16, "threads that ask")
    workers: int = cli.option(1, "processes of the service")


def main(options: Options) -> int:
    command = [sys.executable, "-m", "kedja.serving", f"bundle={options.bundle}", "port=0", "access_log=false"]
    command += [f"workers={options.workers}", f"drain={options.drain}"]
    server = psutil.Popen(command, stdout=subprocess.PIPE, text=True)
    announced = re.search(r"http://(\S+):(\d+)", server.stdout.readline())
    if announced is None:
        raise RuntimeError("the server said no address; see its log above")
    host, port = announced.groups()
    soak = Soak(host, int(port), requests(options.bundle))
    started = time.perf_counter()
    threads = [threading.Thread(target=soak.ask) for _ in range(options.clients)]
    for thread in threads:
        thread.start()
    reloads = watch(soak, server, options)
    seconds = time.perf_counter() - started
    before = soak.answered
    server.send_signal(signal.SIGTERM)
    status = server.wait(60 + options.drain)
    for thread in threads:
        thread.join(30)
    print(f"{before} requests in {seconds:.0f} s ({before / seconds:.0f}/s) with {reloads} hot reloads,")
    print(f"{soak.answered - before} more while it stopped (exit status {status})")
    print(f"wrong or lost: {len(soak.wrong)}")
    for wrong in soak.wrong[:5]:
        print(f"  {wrong}")
    return 1 if soak.wrong or status else 0


def watch(soak: "Soak", server: psutil.Popen, options: Options) -> int:
    """Print the memory of all processes ten times on the way; returns how often the bundle was reloaded."""
    started = last = time.perf_counter()
    reloads = 0
    for tenth in range(1, 11):
        while server.is_running() and not _has_come(tenth / 10, soak, started, options):
            time.sleep(0.2)
            if options.reload and time.perf_counter() - last >= options.reload:
                server.send_signal(signal.SIGHUP)
                last, reloads = time.perf_counter(), reloads + 1
        processes = [server, *server.children(recursive=True)]
        resident = sum(process.memory_info().rss for process in processes) / 1e6
        print(f"  {soak.answered:>8} answered, {resident:.1f} MB resident", flush=True)
    return reloads


def _has_come(part: float, soak: "Soak", started: float, options: Options) -> bool:
    minutes = (time.perf_counter() - started) / 60
    return soak.answered >= options.requests * part and minutes >= options.minutes * part


def requests(bundle: Path) -> list[tuple[str, bytes, int, list[str]]]:
    """(content type, body, expected status, expected classes) of each kind."""
    loaded = metadata.load(bundle)
    pixels = [example.pixels for example in integrity.golden_examples(bundle, loaded)]
    names = [loaded.classes[int(np.argmax(golden.probabilities))] for golden in loaded.golden]
    array = io.BytesIO()
    np.save(array, pixels)
    made = [("application/x-npy", array.getvalue(), 200, names)]
    for golden, image, name in zip(loaded.golden, pixels, names, strict=True):
        data = (bundle / golden.file).read_bytes()
        made.append(("image/any", data, 200, [name]))
        made.append(("application/json", json.dumps({"image": base64.b64encode(data).decode()}).encode(), 200, [name]))
        made.append(("application/json", json.dumps({"pixels": image.tolist()}).encode(), 200, [name]))
        made.append(("image/any", data[: len(data) // 2], 422, []))
    bad = [("image/any", b"junk", 422), ("application/json", b"{", 400), ("text/plain", b"x", 415)]
    return made + [(*one, []) for one in bad]


class Soak:
    def __init__(self, host: str, port: int, kinds: list[tuple[str, bytes, int, list[str]]]) -> None:
        self.host, self.port, self.kinds = host, port, kinds
        self.answered = 0
        self.wrong: list[str] = []
        self._count = threading.Lock()

    def ask(self) -> None:
        """Until connections are refused."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        for content_type, body, status, names in itertools.cycle(self.kinds):
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                return
            try:
                self._check(connection, content_type, body, (status, names))
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                self.wrong.append(repr(error))
            with self._count:
                self.answered += 1

    def _check(
        self, connection: http.client.HTTPConnection, content_type: str, body: bytes, expected: tuple[int, list[str]]
    ) -> None:
        connection.request("POST", "/predict", body, {"Content-Type": content_type})
        response = connection.getresponse()
        answer = json.loads(response.read())
        found = [one["predicted_class"] for one in answer.get("predictions", [answer]) if "predicted_class" in one]
        if (response.status, found) != expected:
            self.wrong.append(f"{response.status} {found} instead of {expected}")


if __name__ == "__main__":
    cli.run(main, Options)
