"""A server on this machine that answers as GitHub's REST API does, for the calls that Kedja makes."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

TOKENS = {"admin-token": True, "reader-token": False}  # token → whether it may change rules


class FakeGitHub:
    """State and a log of calls; `rulesets`, `pulls` and `reviews` are as GitHub sends them."""

    def __init__(self):
        self.calls, self.rulesets, self.pulls, self.reviews = [], {}, [], {}
        self.repository = "kedja/kedja"

    def answer(self, method, path, query, token, body):
        """(status, value) of one request."""
        if token not in TOKENS:
            return 401, {"message": "Bad credentials"}
        prefix = f"/repos/{self.repository}"
        if not path.startswith(prefix):
            return 404, {"message": "Not Found"}
        rest = path.removeprefix(prefix)
        if method != "GET" and not TOKENS[token]:
            return 403, {"message": "Resource not accessible by personal access token"}
        if rest == "":
            return 200, {"default_branch": "main"}
        if rest == "/pulls":
            return 200, paged(self.pulls, query)
        if match := re.fullmatch(r"/pulls/(\d+)/reviews", rest):
            return 200, paged(self.reviews.get(int(match.group(1)), []), query)
        return self.answer_rulesets(method, rest, query, body)

    def answer_rulesets(self, method, rest, query, body):
        if rest == "/rulesets" and method == "GET":
            short = ("id", "name", "target", "enforcement", "source_type")
            return 200, paged([{key: r[key] for key in short} for r in self.rulesets.values()], query)
        if rest == "/rulesets" and method == "POST":
            if not body.get("rules"):
                return 422, {"message": "Validation Failed", "errors": ["rules are missing"]}
            return 201, self.store(len(self.rulesets) + 1, body)
        match = re.fullmatch(r"/rulesets/(\d+)", rest)
        if match and int(match.group(1)) in self.rulesets:
            number = int(match.group(1))
            return 200, self.store(number, body) if method == "PUT" else self.rulesets[number]
        return 404, {"message": "Not Found"}

    def store(self, number, body):
        """GitHub keeps what it is sent, and adds fields of its own."""
        added = {"id": number, "source_type": "Repository", "source": self.repository, "_links": {}}
        self.rulesets[number] = {**json.loads(json.dumps(body)), **added}
        return self.rulesets[number]


def paged(items, query):
    size, page = int(query["per_page"]), int(query["page"])
    return items[size * (page - 1) : size * page]


@pytest.fixture
def github(monkeypatch):
    """The fake server, running; the environment points to it with the administrator's token."""
    fake = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def respond(self):
            path, _, query = self.path.partition("?")
            words = dict(pair.split("=") for pair in query.split("&") if pair)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            fake.calls.append((self.command, self.path.partition("?")[0]))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, value = fake.answer(self.command, path, words, token, body)
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = respond  # noqa: N815 - the names that http.server looks for

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("GH_TOKEN", "admin-token")
    monkeypatch.setenv("GITHUB_REPOSITORY", fake.repository)
    yield fake
    server.shutdown()
    thread.join(30)
    server.server_close()
