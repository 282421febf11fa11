"""Clients that send little, slowly, or never all of it hold neither the memory nor the places of others."""

import contextlib
import socket
import threading
import time

import psutil
import pytest

from support.servers import wait_until

HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def connect():
    """`connect(server, bytes)` → a connection on which they were sent, as far as they were taken."""
    with contextlib.ExitStack() as stack:

        def open_one(server, data):
            connection = stack.enter_context(socket.create_connection((server.host, server.port), timeout=20))
            with contextlib.suppress(OSError):  # the service may end it
                connection.sendall(data)
            return connection

        yield open_one


def predict(server, digits):
    sample = (digits / "samples/0.png").read_bytes()
    return server.request("POST", "/predict", sample, Content_Type="image/png").status


def test_heads_without_a_body_take_nobodys_place(start_server, digits, connect):
    server = start_server("queue=4", "upload_timeout=60", "deadline=60")
    for _ in range(512):
        connect(server, HEAD % 99)
    assert [predict(server, digits) for _ in range(5)] == [200] * 5
    assert server.request("GET", "/health/ready").status == 200


def test_sixty_uploads_that_lack_their_last_byte(start_server, digits, connect):
    server = start_server("max_body=2000000", "memory=20000000", "upload_timeout=600", "deadline=20")
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    size = 2_000_000
    answers = []
    for _ in range(60):
        connection = connect(server, HEAD % size + bytes(size - 1))
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            answers.append(connection.recv(100)[:12])
    # One client's share is a fifth of `memory`; what stands in the sockets' buffers comes on top.
    assert process.memory_info().rss - before < 40_000_000
    assert predict(server, digits) in (200, 503)
    wait_until(lambda: b'kedja_errors_total{code="busy"}' in server.request("GET", "/metrics").body)
    assert set(answers) <= {b"HTTP/1.1 503", b""}


def test_an_upload_that_falls_silent_is_given_up(start_server, digits, connect):
    server = start_server("upload_timeout=0.3", "deadline=60")
    connection = connect(server, HEAD % 1000 + bytes(10))
    assert connection.recv(100).startswith(b"HTTP/1.1 408")
    assert predict(server, digits) == 200


def test_an_upload_ends_with_the_deadline_however_often_a_byte_comes(start_server, connect):
    server = start_server("upload_timeout=60", "deadline=1")
    connection = connect(server, HEAD % 1000 + b"x")
    connection.settimeout(0.2)

    def answered():
        try:
            connection.sendall(b"x")
            return connection.recv(100).startswith(b"HTTP/1.1 408")
        except TimeoutError:
            return False

    wait_until(answered)


def drip(connection, piece, answers):
    """Send `piece` every 20 ms until there is an answer, whose first line is added to `answers`."""
    connection.settimeout(0.02)
    for _ in range(2000):
        with contextlib.suppress(TimeoutError):
            answers.append(connection.recv(100).partition(b"\r")[0])
            return
        with contextlib.suppress(OSError):  # the answer is on its way, or everything has been sent
            connection.sendall(piece)


def test_clients_that_drip_are_given_up_and_a_slow_phone_is_answered(start_server, digits, connect):
    server = start_server("upload_timeout=1", "upload_rate=2000", "deadline=60")
    image = (digits / "samples/0.png").read_bytes()
    # Of a form, most of which is a field that nobody reads: 60 kB at 10 kB a second.
    fields = b'--edge\r\nContent-Disposition: form-data; name="note"\r\n\r\n' + bytes(60_000)
    form = fields + b'\r\n--edge\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + image
    form += b"\r\n--edge--\r\n"
    head = HEAD.replace(b"image/png", b"multipart/form-data; boundary=edge")
    dripping, phone = [connect(server, HEAD % 10_000_000) for _ in range(20)], connect(server, head % len(form))
    answers, of_phone = [], []
    threads = [threading.Thread(target=drip, args=[one, b"x", answers]) for one in dripping]
    for thread in threads:
        thread.start()
    for start in range(0, len(form), 200):
        phone.sendall(form[start : start + 200])
        time.sleep(0.02)
    of_phone.append(phone.recv(100).partition(b"\r")[0])
    for thread in threads:
        thread.join(60)
    assert of_phone == [b"HTTP/1.1 200 OK"]
    assert answers == [b"HTTP/1.1 408 Request Timeout"] * 20


def test_what_was_sent_at_once_buys_no_time(start_server, connect):
    """The rate is asked for again and again, not on the average since the beginning."""
    server = start_server("upload_timeout=0.5", "upload_rate=2000", "deadline=60")
    connection, answers = connect(server, HEAD % 1_000_000 + bytes(900_000)), []
    drip(connection, b"x", answers)
    assert answers == [b"HTTP/1.1 408 Request Timeout"]


def test_any_rate_where_it_is_asked_for(start_server, digits, connect):
    server = start_server("upload_timeout=20", "upload_rate=0", "deadline=60")
    image = (digits / "samples/0.png").read_bytes()
    connection = connect(server, HEAD % len(image))
    for start in range(len(image)):
        connection.sendall(image[start : start + 1])
        time.sleep(0.001)
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
