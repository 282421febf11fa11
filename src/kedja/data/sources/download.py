"""Downloads that continue where they were cut off."""

import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.common.progress import Progress, say

ATTEMPTS = 4
_BLOCK = 2**18
_TIMEOUT_SECONDS = 30
_MEBIBYTE = 2**20
_NOTHING_LEFT = 416


def download(url: str, path: Path) -> None:
    """Fetch `url` to `path`; a part that an earlier attempt left beside it is continued.

    Raises:
        KedjaError: the address cannot be reached; names the manual way.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _continue(url, part)
            break
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            if attempt == ATTEMPTS or not _worth_repeating(error):
                raise KedjaError(
                    f"{url} cannot be downloaded: {reason}",
                    f"download it by hand, put the file at {path} and run the same command again",
                ) from None
            say(f"{path.name}: {reason}; trying again")
            time.sleep(0.2 * 2**attempt)
    part.replace(path)


def _worth_repeating(error: Exception) -> bool:
    """Whether the network faltered on the way; not where there is none, or the server refused."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500
    return not isinstance(error, urllib.error.URLError)


def _continue(url: str, part: Path) -> None:
    if not url.startswith(("http://", "https://")):
        raise KedjaError(f"{url} is no web address")
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 -- checked above
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310 -- checked above
    except urllib.error.HTTPError as error:
        if error.code == _NOTHING_LEFT and start:
            # All was there already; the checksum decides.
            return
        raise
    with answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            start = 0
        expected = start + int(answer.headers.get("Content-Length") or 0)
        with (
            part.open("ab" if start else "wb") as file,
            Progress(f"downloading {part.stem}", expected // _MEBIBYTE, "MiB", start // _MEBIBYTE) as progress,
        ):
            done = start
            while block := answer.read(_BLOCK):
                file.write(block)
                progress.advance((done + len(block)) // _MEBIBYTE - done // _MEBIBYTE)
                done += len(block)
    if expected > start and part.stat().st_size != expected:
        raise http.client.IncompleteRead(b"", expected - part.stat().st_size)
