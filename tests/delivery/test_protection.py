import copy
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.delivery import github as client
from kedja.delivery import protection

ROOT = Path(__file__).resolve().parents[2]
RULES = protection.load(ROOT / protection.RULESET)


def run(*arguments):
    command = [sys.executable, ROOT / "scripts" / "protect.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_rules_are_what_the_project_promises():
    rules = {rule["type"]: rule.get("parameters", {}) for rule in RULES["rules"]}
    assert RULES["enforcement"] == "active"
    assert RULES["bypass_actors"] == []
    assert RULES["conditions"]["ref_name"] == {"include": ["~DEFAULT_BRANCH"], "exclude": []}
    assert {"deletion", "non_fast_forward", "required_linear_history"} <= rules.keys()
    pull_request = rules["pull_request"]
    assert pull_request["required_approving_review_count"] >= 1
    assert pull_request["require_code_owner_review"]
    assert pull_request["dismiss_stale_reviews_on_push"]
    assert pull_request["required_review_thread_resolution"]
    assert rules["required_status_checks"]["required_status_checks"] == [{"context": "gate"}]


def test_rules_are_created_once_and_then_left_alone(github):
    assert "created" in run().stdout
    assert ("POST", "/repos/kedja/kedja/rulesets") in github.calls
    assert github.rulesets[1]["rules"] == RULES["rules"]
    github.calls.clear()
    assert "unchanged" in run().stdout
    assert {method for method, _ in github.calls} == {"GET"}


def test_changed_rules_are_replaced_in_place(github):
    run()
    github.rulesets[1]["enforcement"] = "disabled"
    done = run()
    assert "replaced" in done.stdout
    assert ("PUT", "/repos/kedja/kedja/rulesets/1") in github.calls
    assert github.rulesets[1]["enforcement"] == "active"
    assert len(github.rulesets) == 1


def test_the_check_agrees_after_applying(github):
    run()
    done = run("check=true")
    assert done.returncode == 0, done.stderr
    assert "enforces what main.json says" in done.stdout


def weaker(change):
    known = copy.deepcopy(RULES)
    change(known, {rule["type"]: rule for rule in known["rules"]})
    return known


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda known, _: known.update(enforcement="evaluate"), "enforcement: GitHub has 'evaluate'"),
        (lambda known, _: known.update(bypass_actors=[{"actor_id": 5}]), "may bypass the rules"),
        (lambda known, _: known["rules"].pop(0), "rule deletion is not enforced"),
        (
            lambda _, rules: rules["pull_request"]["parameters"].update(required_approving_review_count=0),
            "rule pull_request.required_approving_review_count: GitHub has 0, the file 1",
        ),
        (
            lambda _, rules: rules["required_status_checks"]["parameters"].update(required_status_checks=[]),
            "required_status_checks: GitHub has []",
        ),
        (lambda known, _: known["conditions"]["ref_name"].update(exclude=["refs/heads/x"]), "exclude"),
    ],
)
def test_every_weakening_is_named(github, change, sentence):
    github.store(1, weaker(change))
    done = run("check=true")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "just protect" in done.stderr


def test_what_github_adds_is_no_difference():
    known = copy.deepcopy(RULES)
    known["id"] = 1
    known["rules"][3]["parameters"]["automatic_copilot_code_review_enabled"] = False
    known["rules"][4]["parameters"]["required_status_checks"][0]["integration_id"] = 15368
    known["rules"].append({"type": "creation"})
    assert protection.differences(RULES, known) == []


def test_no_ruleset_is_named(github):
    done = run("check=true")
    assert done.returncode == 1
    assert "no ruleset named 'main'" in done.stderr


def test_a_ruleset_on_a_later_page_is_found(github):
    for number in range(2, 120):
        github.store(number, {**RULES, "name": f"other {number}"})
    github.store(120, RULES)
    assert run("check=true").returncode == 0


@pytest.mark.parametrize(
    ("environment", "arguments", "complaint"),
    [
        ({"GH_TOKEN": ""}, (), "there is no token"),
        ({"GH_TOKEN": "expired"}, (), "does not know this token"),
        ({"GH_TOKEN": "reader-token"}, (), "no right"),
        ({}, ("repository=kedja/elsewhere",), "there is no repository kedja/elsewhere"),
        ({}, ("repository=kedja",), "'kedja' names no repository"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, (), "does not answer"),
        ({"GITHUB_API_URL": "http://example.org"}, (), "unencrypted"),
        ({}, ("file=nowhere.json",), "nowhere.json does not exist"),
    ],
)
def test_each_hindrance_is_one_message(github, monkeypatch, environment, arguments, complaint):
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    done = run(*arguments)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert "token-" not in done.stderr


def test_githubs_own_reasons_are_passed_on(github, tmp_path):
    broken = tmp_path / "rules.json"
    broken.write_text('{"name": "x", "target": "branch", "enforcement": "active", "conditions": {}, "rules": []}')
    done = run(f"file={broken}")
    assert done.returncode == 1
    assert "rules are missing" in done.stderr


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("git@host.example:owner/name.git", "owner/name"),
        ("https://host.example/owner/name", "owner/name"),
        ("https://user@host.example/owner/na.me.git", "owner/na.me"),
    ],
)
def test_the_repository_is_read_off_the_origin(tmp_path, monkeypatch, origin, name):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setenv("GH_TOKEN", "a-token")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "remote", "add", "origin", origin], cwd=tmp_path, check=True)
    found = client.find(tmp_path)
    assert found.name == name
    assert "a-token" not in repr(found)


def test_a_clone_of_a_folder_names_no_repository(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "remote", "add", "origin", "/some/folder"], cwd=tmp_path, check=True)
    with pytest.raises(KedjaError, match="repository=owner/name"):
        client.find(tmp_path)
