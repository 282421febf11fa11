"""docs/course.md names files, recipes and headings: all of them exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "course.md").read_text(encoding="utf-8")
TOPICS = ["Configuration", "Distributed training", "Experiment tracking", "Search and cross-validation", "Deployment"]


def test_every_file_is_there() -> None:
    named = re.findall(
        r"`((?:src|tests|scripts|conf|docs|deploy|notebooks|benchmarks|\.github)/[\w./-]*|[\w.]+\.(?:toml|lock|dvc|md))`",
        PAGE,
    )
    assert len(named) > 40
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_recipe_is_there() -> None:
    recipes = re.findall(r"^([a-z][a-z-]*)(?: \*arguments)?:", (ROOT / "justfile").read_text(encoding="utf-8"), re.M)
    asked = set(re.findall(r"`just ([a-z][a-z-]*)", PAGE))
    assert len(asked) > 15
    assert asked <= set(recipes)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https://)([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_has_file_command_proof_idea_and_questions(topic: str) -> None:
    section = PAGE.split(f"### {topic}\n")[1].split("\n### ")[0]
    for part in ("**File**", "**Command**", "**Proof**", "**Idea**", "Read next", "**Questions**"):
        assert part in section, part


def test_what_is_coming_is_named() -> None:
    coming = PAGE.split("### Coming\n")[1]
    for word in ("privacy", "cloud", "Keras", "Lightning", "texts", "tables"):
        assert word in coming
