"""What once took minutes of a core or gigabytes costs no more than its deadline, and health answers all the while."""

import contextlib
import os
import re
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from PIL import Image

import expensive
from kedja.bundle.inputs.image.formats import NAMES
from support.bundles import encode, make_bundle
from support.servers import Server, wait_until

DEADLINE = 4.0
# Beside the deadline: a start of a decoder, of which a busy machine makes seconds.
BESIDE = 8.0
COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose.yaml"
EVERY = [attack.name for attack in expensive.corpus(names_alone=True)]


class Watched:
    """A server with what its processes took, and a client that asks for its health again and again."""

    def __init__(self, server):
        self.server = server
        self.process = psutil.Process(server.process.pid)
        self.peaks = {}
        self.healthy = 0
        self.wrong = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._ask, self._look)]
        for thread in self._threads:
            thread.start()

    def _ask(self):
        while not self._stop.wait(0.02):
            try:
                answer = self.server.request("GET", "/health/live")
                self.healthy += answer.status == 200
            except OSError as error:
                self.wrong.append(repr(error))

    def _look(self):
        while not self._stop.wait(0.02):
            self._read()

    def _read(self):
        with contextlib.suppress(psutil.Error):
            for one in [self.process, *self.process.children(recursive=True)]:
                with contextlib.suppress(OSError, psutil.Error, TypeError):
                    text = Path(f"/proc/{one.pid}/status").read_text()
                    self.peaks[one.pid] = 1024 * int(re.search(r"VmHWM:\s+(\d+)", text)[1])

    def seconds(self):
        """Of processor time, of all processes there are and were."""
        times = self.process.cpu_times()
        total = times.user + times.system + times.children_user + times.children_system
        for one in self.process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                total += sum(one.cpu_times()[:2])
        return total

    def finish(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


@pytest.fixture(scope="module")
def attacks():
    return {attack.name: attack for attack in expensive.corpus()}


@pytest.fixture(scope="module", params=[False, True], ids=["usual formats", "every format"])
def watched(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expensive")
    formats = [f"formats={','.join(NAMES)}"] if request.param else []
    server = Server(
        folder / "log", f"bundle={make_bundle(folder / 'bundle')}", f"deadline={DEADLINE}", "decoders=2", *formats
    )
    found = Watched(server)
    yield found
    found.finish()
    server.end()


def post(server, attack):
    return server.request("POST", "/predict", attack.body, Content_Type=attack.content_type)


@pytest.mark.parametrize("name", EVERY)
def test_a_request_costs_no_more_than_its_deadline(watched, attacks, name):
    before, healthy = watched.seconds(), watched.healthy
    answer = post(watched.server, attacks[name])
    assert answer.status in (200, 400, 413, 422, 503), answer.body
    if answer.status == 503:
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"]["code"] in ("deadline", "busy")
    # What was sent is not repeated; only the 64 answers of a form take more.
    assert len(answer.body) < (20_000 if answer.status == 200 else 3000)
    wait_until(lambda: watched.healthy > healthy)
    assert watched.seconds() - before < DEADLINE + BESIDE
    assert watched.wrong == []
    sample = watched.server.request("GET", "/sample").body
    assert watched.server.request("POST", "/predict", sample, Content_Type="image/png").status == 200


def test_a_decoder_that_hangs_is_ended_at_the_deadline_and_replaced(start_server):
    server = start_server("deadline=1", "decoders=1")
    hanging = expensive.Attack("", "image/png", expensive.png(4500))
    for _ in range(2):
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(post, server, hanging)
            decoders = server.hang_decoders()
            answer = asked.result(30)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["code"] == "deadline"
        assert not psutil.wait_procs(decoders, timeout=20)[1]
    assert b'kedja_decodes_total{result="late"} 2.0' in server.request("GET", "/metrics").body


def test_a_stop_while_something_is_decoded_ends_in_its_time(start_server):
    server = start_server("deadline=3", "drain=0", "decoders=1")
    data = expensive.png(4500)
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(data)
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(head + data)
        decoders = server.hang_decoders()
        assert server.stop() == 0
        assert connection.recv(12) == b"HTTP/1.1 503"
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in decoders)


def test_decoders_do_not_outlive_a_service_that_was_killed(start_server):
    server = start_server("decoders=1")
    animated = expensive.Attack("", "image/gif", encode(Image.new("L", (8, 8), 9), "GIF"))
    assert post(server, animated).status == 200
    decoders = psutil.Process(server.process.pid).children()
    assert len(decoders) == 1
    os.kill(server.process.pid, signal.SIGKILL)
    wait_until(lambda: not decoders[0].is_running() or decoders[0].status() == psutil.STATUS_ZOMBIE)


def limit_of_deployment():
    found = re.search(r"mem_limit: (\d+)m", COMPOSE.read_text())
    return int(found[1]) * 2**20


def test_the_worst_that_is_allowed_stays_below_the_limit_of_the_deployment(start_server, attacks):
    server = start_server("threads=4", "decoders=2", "deadline=4", f"formats={','.join(NAMES)}")
    watched = Watched(server)
    worst = [
        "RGBA PNG of 20 megapixels",
        "JPEG of 90 scans",
        "20 MB of lists",
        "20 MB of a key",
        "20 MB of base64 in lines",
        "ICO of 25 megapixels",
        "form of 64 PNGs of 4 megapixels",
        "JPEG of 4 million segments",
    ]
    statuses = []

    def send(names):
        for name in names:
            try:
                statuses.append(post(server, attacks[name]).status)
            except OSError:  # refused in the middle of its upload
                statuses.append(503)

    threads = [threading.Thread(target=send, args=[worst[turn:] + worst[:turn]]) for turn in range(len(worst))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(240)
    finally:
        watched.finish()
    assert len(statuses) == len(worst) ** 2
    assert server.process.poll() is None
    # Of every decoder that ever was the largest two, and the service: more than was ever there at once.
    main = watched.peaks.pop(server.process.pid)
    assert main + sum(sorted(watched.peaks.values())[-2:]) < limit_of_deployment()
