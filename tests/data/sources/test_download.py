import http.server
import threading

import pytest

from kedja.common.errors import KedjaError
from kedja.data.sources.download import download

CONTENT = bytes(range(256)) * 4000


class Faltering(http.server.BaseHTTPRequestHandler):
    """Sends half of what is left, then hangs up, until little is left."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)  # type: ignore[attr-defined]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        rest = CONTENT[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest if len(rest) < len(CONTENT) // 2 else rest[: len(rest) // 2])
        self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faltering) as server:
        server.ranges = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_download_that_is_cut_off_continues(server, tmp_path):
    download(f"http://127.0.0.1:{server.server_port}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.ranges[0] is None
    assert server.ranges[1] == f"bytes={len(CONTENT) // 2}-"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_network_the_manual_way_is_named(tmp_path):
    with pytest.raises(KedjaError, match=r"download it by hand, put the file at .*file"):
        download("http://127.0.0.1:1/file", tmp_path / "file")
