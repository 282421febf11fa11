"""API keys: random words, kept as hashes, compared in constant time, renewed while the service runs.

The file has one line a key, `<name>:<SHA-256 of the key>`. A key has 256 random bits, so a plain hash is
enough: there is nothing to guess that a slow one would protect.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from kedja.common import files
from kedja.common.errors import KedjaError

logger = logging.getLogger(__name__)

PREFIX = "kedja_"
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_LINE = re.compile(rf"({_NAME.pattern}):([0-9a-f]{{64}})")
_SECONDS_BETWEEN_LOOKS = 1.0


class Keys:
    """The keys of a file, looked at again while the service runs: a key whose line is gone is valid no longer.

    A file without a line leaves no key valid. One that is missing or malformed says nothing of who may ask: it is an
    error in the log, and the keys of the last good file stay valid until it is mended.

    Args:
        count: told `read` or `refused` for every other content of the file.

    Raises:
        KedjaError: the file is missing or malformed at the start, where there is no last good one.
    """

    def __init__(self, path: Path, count: Callable[[str], object] = lambda result: None) -> None:
        self.path = path
        self._count = count
        self._seen: bytes | None = _content(path)
        self._hashes = parse(path, self._seen)
        self._looked = time.monotonic()
        self._say()

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
        content: bytes | None = None
        try:
            # The bytes themselves: two edits within one tick of the file system's clock leave the same time.
            content = _content(self.path)
            if content == self._seen:
                return
            self._hashes = parse(self.path, content)
        except KedjaError as error:
            if content is not None or self._seen is not None:  # once for each such file, not once a second
                logger.error("the keys stay as they were: %s", error)  # noqa: TRY400 -- the message says it all
                self._count("refused")
        else:
            self._count("read")
            self._say()
        self._seen = content

    def _say(self) -> None:
        logger.log(
            logging.INFO if self._hashes else logging.WARNING, "%s: %d keys are valid", self.path, len(self._hashes)
        )


def parse(path: Path, content: bytes) -> list[tuple[str, str]]:
    """(name, hash) of each line of the file at `path`; empty lines and `#` comments are skipped.

    Raises:
        KedjaError: a line of another form.
    """
    pairs = []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if not match:
            raise KedjaError(f"{path}, line {number} is not <name>:<sha256>", "make keys with `just api-key name=…`")
        pairs.append((match[1], match[2]))
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


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KedjaError(f"{path} cannot be read: {error.strerror}", "make keys with `just api-key name=…`") from None
