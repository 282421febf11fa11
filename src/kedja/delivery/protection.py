"""The rules of the main branch: as the file says, and as GitHub enforces them."""

from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.files import read_json
from kedja.delivery.github import Repository

RULESET = Path(".github/rulesets/main.json")


def load(path: Path) -> dict[str, Any]:
    """The ruleset in a file, with the fields that GitHub needs.

    Raises:
        KedjaError: no file, no JSON, or a field missing.
    """
    ruleset = read_json(path)
    missing = [key for key in ("name", "target", "enforcement", "conditions", "rules") if key not in ruleset]
    if missing:
        raise KedjaError(f"{path} lacks {', '.join(missing)}")
    return dict(ruleset)


def apply(repository: Repository, ruleset: dict[str, Any]) -> str:
    """Create or replace the ruleset of that name; `created`, `replaced` or `unchanged`."""
    known = _find(repository, ruleset["name"])
    if known is None:
        repository.send("POST", "rulesets", ruleset)
        return "created"
    if not differences(ruleset, known):
        return "unchanged"
    repository.send("PUT", f"rulesets/{known['id']}", ruleset)
    return "replaced"


def check(repository: Repository, ruleset: dict[str, Any]) -> list[str]:
    """What GitHub has otherwise than the file, one sentence each; nothing where they agree."""
    known = _find(repository, ruleset["name"])
    if known is None:
        return [f"GitHub has no ruleset named {ruleset['name']!r}"]
    return differences(ruleset, known)


def _find(repository: Repository, name: str) -> dict[str, Any] | None:
    """The whole ruleset: the list that GitHub gives holds no rules."""
    for listed in repository.pages("rulesets"):
        if listed["name"] == name and listed.get("source_type", "Repository") == "Repository":
            return dict(repository.get(f"rulesets/{listed['id']}"))
    return None


def differences(wanted: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """Where GitHub's ruleset is weaker than, or other than, the file's.

    GitHub adds fields of its own (ids, dates, defaults): those that the file does not name are left alone, but
    for a list of those who may bypass the rules.
    """
    found = [
        sentence
        for key in ("target", "enforcement", "conditions")
        for sentence in _compare(key, wanted[key], known.get(key))
    ]
    if known.get("bypass_actors", []) != wanted.get("bypass_actors", []):
        found.append(f"bypass_actors: {known['bypass_actors']} may bypass the rules")
    rules = {rule["type"]: rule for rule in known.get("rules", [])}
    for rule in wanted["rules"]:
        if rule["type"] not in rules:
            found.append(f"rule {rule['type']} is not enforced")
        else:
            actual = rules[rule["type"]].get("parameters", {})
            found += _compare(f"rule {rule['type']}", rule.get("parameters", {}), actual)
    return found


def _compare(where: str, wanted: Any, known: Any) -> list[str]:
    if isinstance(wanted, dict) and isinstance(known, dict):
        return [
            sentence for key, value in wanted.items() for sentence in _compare(f"{where}.{key}", value, known.get(key))
        ]
    if isinstance(wanted, list) and isinstance(known, list) and len(wanted) == len(known):
        pairs = zip(sorted(wanted, key=str), sorted(known, key=str), strict=True)
        return [sentence for one, other in pairs for sentence in _compare(where, one, other)]
    return [] if wanted == known else [f"{where}: GitHub has {known!r}, the file {wanted!r}"]
