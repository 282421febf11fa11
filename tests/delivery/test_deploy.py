"""What no schema says of the manifests: they run what the image is, safely, and ask for what the service has."""

import json
import re
from pathlib import Path

import pytest
import yaml

from kedja.bundle.inputs.image import judge
from kedja.serving.settings import Settings
from support.bundles import make_bundle

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCUMENTS = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "kedja.yaml").read_text()))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def of_kind(kind):
    (document,) = [d for d in DOCUMENTS if d["kind"] == kind]
    return document


POD = of_kind("Deployment")["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def test_the_pod_is_restricted():
    assert of_kind("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert POD["securityContext"]["runAsNonRoot"]
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = CONTAINER["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not POD["automountServiceAccountToken"]
    assert not any(key in POD for key in ("hostNetwork", "hostPID", "hostIPC"))
    assert [volume.keys() for volume in POD["volumes"]] == [{"name", "emptyDir"}]


def test_it_runs_as_the_images_user_on_the_images_port():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"USER {POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}" in dockerfile
    assert f"EXPOSE {CONTAINER['ports'][0]['containerPort']}" in dockerfile
    assert f"KEDJA_PORT={CONTAINER['ports'][0]['containerPort']}" in dockerfile


def test_every_selector_finds_the_pods():
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert of_kind("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert of_kind("Service")["spec"]["selector"] == labels
    assert of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert of_kind("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "kedja"
    assert all(d["metadata"].get("namespace", "kedja") == "kedja" for d in DOCUMENTS)


def test_memory_is_enough_for_the_settings():
    """What docs/serving.md says of a process: itself, its threads, its decoders, and what requests may hold."""
    settings = Settings()
    for variables, limit in (
        ({one["name"]: one["value"] for one in CONTAINER["env"]}, CONTAINER["resources"]["limits"]["memory"]),
        (COMPOSE["services"]["kedja"]["environment"], COMPOSE["services"]["kedja"]["mem_limit"]),
    ):
        threads, decoders = int(variables["KEDJA_THREADS"]), int(variables["KEDJA_DECODERS"])
        needed = 130_000_000 + threads * judge.PLAIN_MEMORY + decoders * 45_000_000 + settings.memory
        assert needed <= int(limit.lower().rstrip("mi")) * 2**20
        assert settings.max_body * 5 <= settings.memory


def test_nothing_goes_out():
    policy = of_kind("NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["egress"] == []


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_what_the_service_answers(probe):
    from kedja.serving.routes import health

    assert CONTAINER[probe]["httpGet"]["path"] in {getattr(route, "path", None) for route in health.routes}


def test_stopping_takes_no_longer_than_is_granted():
    granted = POD["terminationGracePeriodSeconds"]
    assert granted > CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"] + 15


def test_every_image_of_others_is_pinned_by_digest():
    images = [service["image"] for service in COMPOSE["services"].values()]
    others = [image for image in images if image != "kedja-serve"]
    assert others
    assert all(re.fullmatch(r"[\w./-]+:v?[\d.]+@sha256:[0-9a-f]{64}", image) for image in others)


def test_compose_publishes_to_this_machine_alone_and_hardens():
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert COMPOSE["services"]["kedja"]["read_only"]


def test_what_compose_mounts_is_there():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_dir(), source


def expressions():
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "kedja.json").read_text())
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    yield from (rule["expr"] for group in alerts["groups"] for rule in group["rules"])


def test_dashboard_and_alerts_ask_for_what_is_measured(tmp_path):
    from kedja.serving.predictor import Predictor
    from kedja.serving.settings import Settings
    from kedja.serving.state import Service

    bundle = make_bundle(tmp_path / "bundle")
    text = Service(Settings(bundle=bundle), Predictor(bundle)).metrics.render().decode()
    exposed = set(re.findall(r"^# TYPE (\w+) (\w+)", text, flags=re.MULTILINE))
    suffixes = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    names = {name + suffix for name, kind in exposed for suffix in suffixes[kind]}
    asked = {name for expression in expressions() for name in re.findall(r"\bkedja_\w+", expression)}
    assert asked
    assert asked <= names, asked - names


def test_every_panel_says_what_it_shows():
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "kedja.json").read_text())
    assert dashboard["uid"] == "kedja"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(panel["description"] for panel in dashboard["panels"])
    source = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["datasources"][0]["uid"]}
