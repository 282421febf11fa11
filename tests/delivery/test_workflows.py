"""What no schema says of the workflows: each step a recipe, each action pinned, no fork on our own machines."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
RECIPE = re.compile(
    r"sh scripts/just\.sh (?P<recipe>[a-z-]+)( [a-z_]+=(\"\$[A-Z_]+\"|\"[\w./-]*\$[A-Z_]+\"|[\w.,-]+))*"
)


@pytest.fixture(scope="module")
def recipes():
    done = subprocess.run(["just", "--summary"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def jobs_of(path):
    return yaml.safe_load(path.read_text())["jobs"]


def steps_of(path):
    return [step for job in jobs_of(path).values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_is_a_recipe_that_exists(path, recipes):
    commands = [step["run"] for step in steps_of(path) if "run" in step]
    assert commands
    for command in commands:
        match = RECIPE.fullmatch(command.strip())
        assert match, f"{command!r} is no recipe"
        assert match["recipe"] in recipes, f"there is no recipe {match['recipe']!r}"


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_action_is_pinned_by_commit_with_its_version_beside_it(path):
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for line in used:
        assert re.fullmatch(r"\$/\.github/actions/\w+|[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_one_action_has_one_commit_everywhere():
    pins = {}
    for path in [*WORKFLOWS, *ACTIONS]:
        for action, commit in re.findall(r"uses: ([\w/-]+)@([0-9a-f]{40})", path.read_text()):
            pins.setdefault(action, set()).add(commit)
    assert all(len(commits) == 1 for commits in pins.values()), pins


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_least_privilege(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 180
    for step in steps_of(path):
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_self_hosted_runners_never_run_a_forks_code():
    for path in WORKFLOWS:
        triggers = yaml.safe_load(path.read_text())[True]  # YAML 1.1 reads the key `on` as true
        assert "pull_request_target" not in triggers
        for job in jobs_of(path).values():
            if "self-hosted" in job["runs-on"]:
                assert "github.event_name != 'pull_request'" in job["if"]


def test_the_gate_waits_for_everything():
    jobs = jobs_of(ROOT / ".github" / "workflows" / "ci.yml")
    gate = jobs.pop("gate")
    assert set(gate["needs"]) == set(jobs)
    assert gate["if"] == "always()"
    assert gate["name"] == "gate", "branch rules ask for this name"


def test_releases_take_nothing_from_a_cache():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert "actions/cache" not in text
    assert "actions/setup\n" not in text


def test_code_owners_name_every_path_that_is_there():
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules[0][0] == "*", "somebody owns what nobody else does"
    for pattern, *owners in rules[1:]:
        assert (ROOT / pattern.strip("/")).exists(), pattern
        assert all(re.fullmatch(r"@[\w-]+/[\w-]+", owner) for owner in owners)
