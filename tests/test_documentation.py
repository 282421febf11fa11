"""What is shown can be typed: every command in the documents names a recipe and keys that there are, and the output
that stands below the quick ones is what they print.
"""

import functools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.common.options import DATA_SET_TOO
from kedja.experiments.launch.ray_cluster import Cluster
from kedja.training.config.compose import compose
from kedja.training.config.schema import groups, leaves

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "justfile")] + sorted(
    ROOT.glob("docs/*.md")
)
# Recipes whose arguments go to a program of others, and those that hand on what they do not know to training.
OF_OTHERS = {
    "bench-training",
    "test",
    "test-gpu",
    "test-portable",
    "docker-test",
    "notebook",
    "hooks",
    "vulnerabilities",
}
TO_TRAINING = {"train", "experiments", "tune", "main", "profile", "find-lr", "overfit"}
AXES = ("grid.", "space.")
# What a student is told to get wrong.
WRONG_ON_PURPOSE = {"just train optim.lerning_rate=0.1"}
NUMBER = r"[\d,.]*\d(?:e[-+]\d+)?"
HASH = r"[0-9a-f]{8}(?=/)"
PRECISION = r"fp32|bf16|fp16"


def recipes() -> dict[str, str]:
    """Recipe → its script; empty where it runs something else."""
    text = (ROOT / "justfile").read_text(encoding="utf-8")
    bodies = re.findall(r"^([a-z][a-z-]*)(?: \*arguments)?:.*\n((?: {4}.*\n)+)", text, re.MULTILINE)
    found = {}
    for name, body in bodies:
        script = re.search(r"((?:scripts|benchmarks)/\w+\.py)(?! \w+=\w+ \"\$@\" .)", body)
        found[name] = script[1] if script else ""
    return found


def commands(document: Path) -> list[str]:
    """What begins with `just` or `sh scripts/just.sh`, in blocks and between backticks, without comments."""
    text = document.read_text(encoding="utf-8")
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines()]
    shown = [re.split(r"\s#|\s\|(?!\|)| &$", line)[0] for line in lines] + re.findall(r"`([^`\n]+)`", text)
    parts = [part.strip() for line in shown for part in re.split(r"&&|; ", line)]
    starts = ("just ", "sh scripts/just.sh ")
    sentences = re.compile(r"[.,;:]$| (?:and|alone|on|is|with|lists|can|before|says|finds) ")
    return [part for part in parts if part.startswith(starts) and not sentences.search(part)]


def keys_of(script: str) -> set[str]:
    """The keys that its `--help` lists."""
    return set(re.findall(r"^  ([a-z_][\w.]*)=", help_of(script), re.MULTILINE))


@functools.cache
def help_of(script: str) -> str:
    """What its `--help` prints."""
    done = subprocess.run(
        [sys.executable, str(ROOT / script), "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


ALL = sorted(
    {(path.name, command) for path in DOCUMENTS for command in commands(path) if command not in WRONG_ON_PURPOSE}
)


def test_the_documents_show_commands() -> None:
    assert len(ALL) > 100
    assert {"data", "train", "main", "tune"} <= {words(command)[0] for _, command in ALL}


@pytest.mark.parametrize("recipe", sorted({name for name in recipes() if recipes()[name]}))
def test_every_recipe_has_help(recipe: str) -> None:
    assert help_of(recipes()[recipe])


@pytest.mark.parametrize(("document", "command"), ALL)
def test_what_is_shown_can_be_typed(document: str, command: str) -> None:
    recipe, *arguments = words(command)
    known = recipes()
    assert recipe in known, f"{document}: {command}: there is no such recipe"
    if recipe in OF_OTHERS:
        return
    pairs = [one for one in arguments if one not in ("--help", "--json", "…", "[...]")]
    assert all("=" in one for one in pairs), f"{document}: {command}: these are no keys"
    own = keys_of(known[recipe])
    others = [one for one in pairs if one.partition("=")[0] not in own]
    if recipe in TO_TRAINING:
        others = [one for one in others if not takes(one)]
    assert not others, f"{document}: {command}: `just {recipe} --help` knows no {others}"


def takes(pair: str) -> bool:
    """Whether training, the axes of a search or a Ray cluster take it; what is left open by `…` only by its key."""
    key, _, value = pair.partition("=")
    if key.startswith("ray."):
        return key.removeprefix("ray.") in Cluster.__dataclass_fields__
    axis = next((one for one in AXES if key.startswith(one)), "")
    key = key.removeprefix(axis)
    if axis or "…" in value:
        return key in {*leaves(), *groups(), "experiment", *DATA_SET_TOO}
    try:
        compose([pair])
    except KedjaError as error:
        # A key of another optimizer, model or schedule than the default's is one all the same.
        return " has no " in error.problem
    return True


def words(command: str) -> list[str]:
    """Recipe and arguments."""
    return shlex.split(command.removeprefix("sh scripts/just.sh ").removeprefix("just "))


def blocks(document: Path) -> dict[str, list[str]]:
    """Command → the lines of output below it, of the blocks `console`."""
    found: dict[str, list[str]] = {}
    for block in re.findall(r"```console\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.strip().splitlines()
            found[command] = lines
    return found


def pattern(line: str) -> re.Pattern[str]:
    """A shown line: numbers, hashes, the machine's precision and what `…` stands for may differ."""
    kinds = ["…", HASH, PRECISION, NUMBER]
    text = "|".join(f"({kind})" for kind in kinds)
    whole, position = "", 0
    line = " ".join(line.split())
    for found in re.finditer(text, line):
        kind = kinds[(found.lastindex or 1) - 1]
        whole += re.escape(line[position : found.start()]) + (".*" if kind == "…" else f"(?:{kind})")
        position = found.end()
    return re.compile(whole + re.escape(line[position:]))


@pytest.mark.slow
def test_the_tour_prints_what_the_readme_shows(workplace: Path) -> None:
    shown = blocks(ROOT / "README.md")
    for command in ("just check-env", "just data", "just train", "just export", "just predict image=bundle/samples"):
        recipe, *arguments = words(command)
        script = ROOT / recipes()[recipe]
        done = subprocess.run(
            [sys.executable, script, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=workplace,
            timeout=300,
        )
        printed = [" ".join(line.split()) for line in done.stdout.splitlines()]
        position = 0
        for line in shown[command]:
            if line.strip() == "…":
                continue
            wanted = pattern(line)
            after = [index for index in range(position, len(printed)) if wanted.match(printed[index])]
            assert after, f"{command} does not print {line!r} there, but:\n" + "\n".join(printed) + done.stderr
            position = after[0] + 1
