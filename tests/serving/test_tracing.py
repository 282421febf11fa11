"""Traces as a collector receives them from a real server."""

import json
import os
import subprocess
import sys

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from kedja.common.errors import KedjaError
from kedja.serving.settings import Settings
from support.collector import collector

IMAGE = {"Content_Type": "image/png"}
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"  # pragma: allowlist secret


@pytest.fixture
def collected():
    with collector() as server:
        yield server


def attributes(span):
    return {fact.key: fact.value.string_value or fact.value.int_value for fact in span.attributes}


def test_stages_stand_below_the_request_and_the_request_below_its_caller(start_server, digits, collected):
    server = start_server(f"otel={collected.url}")
    sample = (digits / "samples/0.png").read_bytes()
    assert server.request("POST", "/predict", sample, traceparent=CALLER, **IMAGE).status == 200
    assert server.request("POST", "/predict", b"junk", **IMAGE).status == 400
    assert server.request("GET", "/no/such/place", traceparent="nonsense").status == 404
    assert server.stop() == 0

    assert collected.services == {"kedja"}
    roots = {
        attributes(span)["http.response.status_code"]: span
        for span in collected.spans
        if span.kind == Span.SPAN_KIND_SERVER
    }
    good, bad, lost = roots[200], roots[400], roots[404]
    assert f"00-{good.trace_id.hex()}-{good.parent_span_id.hex()}-01" == CALLER
    assert (good.name, lost.name) == ("POST /predict", "GET")
    assert lost.parent_span_id == b""
    assert len({span.trace_id for span in roots.values()}) == 3

    below = {root.span_id: [s for s in collected.spans if s.parent_span_id == root.span_id] for root in roots.values()}
    stages = {span.name: span for span in below[good.span_id]}
    assert list(stages) == ["receive", "wait", "decode", "inference"]
    assert [span.name for span in below[bad.span_id]] == ["receive", "wait"]
    assert below[lost.span_id] == []
    moments = [good.start_time_unix_nano]
    for span in stages.values():
        assert span.trace_id == good.trace_id
        moments += [span.start_time_unix_nano, span.end_time_unix_nano]
    # Two clocks are involved: a millisecond is how well they agree.
    assert all(
        later - earlier > -1e6 for earlier, later in zip(moments, [*moments[1:], good.end_time_unix_nano], strict=True)
    )
    assert attributes(stages["decode"]) == {"images": 1}
    assert attributes(stages["inference"]) == {"batch_images": 1}

    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("status") == 200]
    assert line["trace_id"] == good.trace_id.hex()


def test_every_worker_sends_and_standard_variables_hold(start_server, digits, collected):
    variables = {
        "OTEL_SERVICE_NAME": "digits",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=7",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }
    server = start_server(f"otel={collected.url}/", "workers=2", **variables)
    for _ in range(10):
        server.request("GET", "/health/live", traceparent=CALLER)
        server.request("GET", "/health/live")  # nobody asked for it to be sampled
    assert server.stop() == 0
    assert collected.services == {"digits"}
    assert len(collected.spans) == 10
    assert {headers["x-tenant"] for headers in collected.headers} == {"7"}


def test_what_a_client_does_wrong_is_no_error_of_the_service(start_server, collected):
    server = start_server(f"otel={collected.url}", "deadline=0.2")
    assert server.request("POST", "/predict", b"", Content_Type="image/png", Content_Length="10").status == 408
    assert server.stop() == 0
    (span,) = collected.spans
    assert attributes(span)["http.response.status_code"] == 408
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_a_collector_that_is_away_holds_nothing_up(start_server, digits):
    server = start_server("otel=http://127.0.0.1:9")
    sample = (digits / "samples/0.png").read_bytes()
    assert server.request("POST", "/predict", sample, **IMAGE).status == 200
    assert server.stop() == 0


def test_without_its_packages_it_says_what_to_install(digits, tmp_path):
    # FastAPI brings OpenTelemetry's interface; what sends is missing.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['opentelemetry.sdk'] = None\n")
    command = [sys.executable, "-m", "kedja.serving", f"bundle={digits}", "port=0", "otel=http://localhost:4318"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert "needs the package opentelemetry.sdk" in done.stderr
    assert "just env groups=serve,otel" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_none():
    for wrong in ("localhost:4318", "http://", "http:// x", "ftp://x"):
        with pytest.raises(KedjaError, match="no address of a collector"):
            Settings(otel=wrong)


def test_without_the_option_nothing_that_sends_is_imported(digits):
    code = (
        "import sys; from pathlib import Path; from starlette.testclient import TestClient\n"
        "from kedja.serving import worker; from kedja.serving.predictor import Predictor\n"
        "from kedja.serving.settings import Settings; from kedja.serving.state import Service\n"
        "settings = Settings(bundle=Path(sys.argv[1]), access_log=False)\n"
        "with TestClient(worker.create_app(Service(settings, Predictor(settings.bundle)))) as client:\n"
        "    assert client.get('/health/ready').status_code == 200\n"
        "heavy = ('opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.proto', 'kedja.serving.tracing')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    # The option alone decides, neither the standard variables nor FastAPI's.
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
    command = [sys.executable, "-W", "ignore", "-c", code, digits]
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert (done.stdout, done.stderr) == ("[]\n", "")
