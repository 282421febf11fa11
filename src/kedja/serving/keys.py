"""API keys: random words, kept as hashes, compared in constant time, renewed while the service runs.

The file has one line a key, `<name>:<SHA-256 of the key>`. A key has 256 random bits, so a plain hash is
enough: there is nothing to guess that a slow one would protect.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from kedja.common import files
from kedja.common.errors import KedjaError

PREFIX = "kedja_"
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_LINE = re.compile(rf"({_NAME.pattern}):([0-9a-f]{{64}})")
_SECONDS_BETWEEN_LOOKS = 1.0


class Keys:
    """The keys of a file, read again when it changes; a file that becomes unreadable leaves the old keys valid."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hashes = read(path)
        self._seen = _mark(path)
        self._looked = time.monotonic()

    def owner(self, key: str) -> str | None:
        """The name that a key was made for, or None. Every stored hash is compared, so time tells nothing."""
        self._look_again()
        presented = hashlib.sha256(key.encode()).hexdigest()
        found = None
        for name, stored in self._hashes:
            if hmac.compare_digest(presented, stored):
                found = name
        return found

    def _look_again(self) -> None:
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        mark = _mark(self.path)
        if mark != self._seen:
            self._seen = mark
            try:
                self._hashes = read(self.path)
            except (KedjaError, OSError):
                return  # a file in the middle of an edit; the next look will see the end of it


def read(path: Path) -> list[tuple[str, str]]:
    """(name, hash) of each line; empty lines and `#` comments are skipped.

    Raises:
        KedjaError: a line of another form, or no key at all.
    """
    pairs = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if not match:
            raise KedjaError(f"{path}, line {number} is not <name>:<sha256>", "make keys with `just api-key name=…`")
        pairs.append((match[1], match[2]))
    if not pairs:
        raise KedjaError(f"{path} holds no key", "make one with `just api-key name=…`")
    return pairs


def add(path: Path, name: str) -> str:
    """Make a key for `name`, append its hash to the file (made where missing, for its owner alone), return the key."""
    if not _NAME.fullmatch(name):
        raise KedjaError(f"{name!r} is no name for a key", "letters, digits and . _ @ - only")
    key = PREFIX + secrets.token_urlsafe(32)
    text = path.read_text() if path.exists() else ""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    # Readers see the old file or the new one, and never one with other rights.
    files.write_text(path, f"{text}{name}:{hashlib.sha256(key.encode()).hexdigest()}\n")
    path.chmod(mode)
    return key


def presented(headers: Mapping[str, str]) -> str:
    """The key of a request: `Authorization: Bearer …` or `X-API-Key: …`."""
    scheme, _, word = headers.get("authorization", "").partition(" ")
    return word.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
