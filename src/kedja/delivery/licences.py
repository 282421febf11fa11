"""The licences of everything that a group of dependencies installs, and whether they may go into an image."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

PERMISSIVE = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "HPND",
        "ISC",
        "MIT",
        "MIT-CMU",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    ]
)

# What older packages write where an SPDX expression belongs.
_SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_LONGEST = 60  # characters: more is a sentence of the licence and not its name


@dataclass(frozen=True)
class Licence:
    """A package with what it says of its licence: an SPDX expression, or its own words, or nothing."""

    package: str
    version: str
    licence: str

    @property
    def network_copyleft(self) -> bool:
        """Whether offering it as a service would oblige the service to publish its own source."""
        return bool(re.search(r"AGPL|Affero|SSPL", self.licence))

    @property
    def permissive(self) -> bool:
        """Whether it may be used by anyone for anything, with no more than its name kept."""
        return permits(self.licence)


def of(packages: Iterable[str]) -> list[Licence]:
    """The licences of installed packages; those that are not installed here (other platforms) are left out."""
    found = []
    for package in sorted(set(packages)):
        try:
            about = metadata.metadata(package)
        except metadata.PackageNotFoundError:
            continue
        found.append(Licence(package, about["Version"], _said(about)))
    return found


def _said(about: "metadata.PackageMetadata") -> str:
    expression = _field(about, "License-Expression")
    if expression:
        return expression
    classifiers = about.get_all("Classifier") or []
    names = [text.split(" :: ")[-1] for text in classifiers if text.startswith("License :: ")]
    names = [name for name in names if name != "OSI Approved"]
    if names:
        # Several classifiers are several licences at the user's choice, or together: together is the careful reading.
        return " AND ".join(sorted({_SPELLINGS.get(name, name) for name in names}))
    # Some put the whole text there; its title is the first line.
    title = (_field(about, "License").strip().splitlines() or [""])[0].strip()
    return _SPELLINGS.get(title, title) if len(title) <= _LONGEST else ""


def _field(about: "metadata.PackageMetadata", name: str) -> str:
    return str(about[name]) if name in about else ""


def permits(expression: str) -> bool:
    """Whether an SPDX expression leaves a way to use the package under permissive licences alone."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)
    if not tokens:
        return False
    try:
        answer, rest = _either(tokens)
    except IndexError:
        return False
    return answer and not rest


def _either(tokens: list[str]) -> tuple[bool, list[str]]:
    answer, rest = _both(tokens)
    while rest and rest[0].upper() == "OR":
        other, rest = _both(rest[1:])
        answer = answer or other
    return answer, rest


def _both(tokens: list[str]) -> tuple[bool, list[str]]:
    answer, rest = _one(tokens)
    while rest and rest[0].upper() == "AND":
        other, rest = _one(rest[1:])
        answer = answer and other
    return answer, rest


def _one(tokens: list[str]) -> tuple[bool, list[str]]:
    if tokens[0] == "(":
        answer, rest = _either(tokens[1:])
        return answer and rest[0] == ")", rest[1:]
    if len(tokens) > 2 and tokens[1].upper() == "WITH":
        return tokens[0] in PERMISSIVE, tokens[3:]
    return tokens[0] in PERMISSIVE, tokens[1:]
