"""The real server in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kedja.bundle import metadata as bundles


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "kedja.serving", *arguments], capture_output=True, text=True, timeout=60, **options
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_answers_and_stops_with_status_0(start_server, digits, number):
    server = start_server()
    sample = (digits / "samples/0.png").read_bytes()
    answer = server.request("POST", "/predict", sample, Content_Type="image/png").json()
    assert answer["predicted_class"] in bundles.load(digits).classes
    assert server.stop(number) == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    line = next(json.loads(line) for line in log.splitlines() if '"/predict"' in line)
    assert (line["status"], line["method"], line["level"]) == (200, "POST", "info")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundle=nowhere"], "nowhere/ (no metadata.json)"),
        (["port=99999"], "port=99999 is out of range"),
        (["prt=1"], "did you mean 'port'?"),
        (["max_body=5"], "max_body=5 is out of range"),
        (["queue=0"], "queue=0 is out of range"),
        (["host="], "host is empty"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_message(tmp_path, arguments, message):
    result = command(*arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_that_is_taken_or_elsewhere(digits):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = command(f"bundle={digits}", f"port={taken.getsockname()[1]}")
    assert "cannot listen" in result.stderr
    assert "port=…" in result.stderr
    assert "no address of this machine" in command(f"bundle={digits}", "host=no.such.host.invalid").stderr


def test_serving_loads_nothing_of_training(digits):
    code = (
        "import sys; from pathlib import Path; from kedja.serving.app import create_app\n"
        "from kedja.serving.predictor import Predictor; from kedja.serving.settings import Settings\n"
        "import kedja.serving.server\n"
        "from kedja.serving.state import Service\n"
        "create_app(Service(Settings(), Predictor(Path(sys.argv[1]))))\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'sklearn', 'scipy', 'matplotlib', 'hydra', 'onnx', 'kedja.data',"
        " 'kedja.training', 'kedja.experiments', 'kedja.export'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code, digits], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_what_was_accepted_is_answered_before_it_stops(start_server, photos):
    server = start_server(bundle=photos)
    sample = (photos / "samples/0.jpeg").read_bytes()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(sample)}\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(head.encode() + sample[:100])
        assert server.request("GET", "/health/live").status == 200  # the upload above has begun by now
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        connection.sendall(sample[100:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    stopping.join(20)
    assert server.process.returncode == 0


def test_a_slow_upload_is_given_up(start_server):
    server = start_server("deadline=0.3")
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nx"
        )
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert server.request("GET", "/health/ready").status == 200


def test_a_client_that_goes_away_leaves_no_trace(start_server):
    server = start_server()
    for _ in range(20):
        with socket.create_connection((server.host, server.port), timeout=20) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nx")
    assert server.request("GET", "/health/ready").status == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads a priority of their own")
def test_workers_give_way_to_the_event_loop(start_server):
    server = start_server("threads=3")
    assert server.request("GET", "/health/ready").status == 200
    stats = [path.read_text() for path in Path(f"/proc/{server.process.pid}/task").glob("*/stat")]
    # proc(5): the 19th field, the 17th after the name in parentheses
    nice = [int(stat.rpartition(")")[2].split()[16]) - os.nice(0) for stat in stats]
    assert sorted(nice)[-3:] == [5, 5, 5]
    assert set(nice) == {0, 5}
