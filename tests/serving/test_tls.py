"""HTTPS with a certificate made here."""

import http.client
import json
import socket
import ssl

import pytest


@pytest.mark.parametrize("workers", [1, 2])
def test_predictions_over_https(start_server, digits, certificate, workers):
    public, key = certificate
    server = start_server(f"tls_certificate={public}", f"tls_key={key}", f"workers={workers}")
    assert server.url.startswith("https://127.0.0.1:")
    connection = http.client.HTTPSConnection(
        server.host, server.port, timeout=20, context=ssl.create_default_context(cafile=public)
    )
    sample = (digits / "samples/0.png").read_bytes()
    for _ in range(3):  # on one connection
        connection.request("POST", "/predict", sample, {"Content-Type": "image/png"})
        response = connection.getresponse()
        assert response.status == 200
        assert "predicted_class" in json.loads(response.read())
    assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
    connection.close()
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def test_who_does_not_know_the_certificate_or_speaks_plainly_gets_nothing(start_server, certificate):
    public, key = certificate
    server = start_server(f"tls_certificate={public}", f"tls_key={key}")
    stranger = http.client.HTTPSConnection(server.host, server.port, timeout=20)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/health/live")
    stranger.close()
    with socket.create_connection((server.host, server.port), timeout=20) as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP")
    assert server.stop() == 0


def test_a_pair_that_does_not_fit_is_refused_at_start(start_server, certificate, tmp_path):
    public, key = certificate
    other = tmp_path / "other.pem"
    other.touch(mode=0o600)
    other.write_bytes(key.read_bytes()[:-60])
    with pytest.raises(pytest.fail.Exception, match="are no pair") as failure:
        start_server(f"tls_certificate={public}", f"tls_key={other}")
    assert "Traceback" not in str(failure.value)


def test_a_client_that_says_nothing_is_let_go(start_server, certificate):
    """uvloop's own limit is a minute: this connection would time out."""
    public, key = certificate
    server = start_server(f"tls_certificate={public}", f"tls_key={key}", "header_timeout=1")
    with socket.create_connection((server.host, server.port), timeout=30) as silent:
        assert silent.recv(1) == b""
