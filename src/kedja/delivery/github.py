"""A small client of GitHub's REST API: one token, one repository, errors in words."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError

_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")
_PAGE = 100


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, or on a server that speaks its API.

    Attributes:
        name: `owner/name`.
        token: what proves who asks; never printed.
        api: address of the API.
    """

    name: str
    token: str = field(repr=False)
    api: str = "https://api.github.com"

    def get(self, path: str) -> Any:
        """What lies at `/repos/<name>/<path>`."""
        return self._ask("GET", path)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every item of a list that comes in pages."""
        separator = "&" if "?" in path else "?"
        number = 1
        while True:
            items = self.get(f"{path}{separator}per_page={_PAGE}&page={number}")
            yield from items
            if len(items) < _PAGE:
                return
            number += 1

    def send(self, method: str, path: str, body: Any) -> Any:
        """POST or PUT a JSON body."""
        return self._ask(method, path, body)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "kedja",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        address = f"{self.api}/repos/{self.name}/{path}".rstrip("/")
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - http(s), checked in find()
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise self._in_words(error) from None
        except OSError as error:
            raise KedjaError(f"{self.api} does not answer: {error}", "check the network, or GITHUB_API_URL") from None
        except ValueError:
            raise KedjaError(f"{self.api} answered with something that is not JSON", "check GITHUB_API_URL") from None

    def _in_words(self, error: urllib.error.HTTPError) -> KedjaError:
        if error.code == 401:
            return KedjaError("GitHub does not know this token", f"set {_TOKENS[0]} to one that is valid")
        if error.code in (403, 429):
            if error.headers.get("X-RateLimit-Remaining") == "0" or error.code == 429:
                return KedjaError("GitHub's limit of requests is used up", "wait for an hour, or use another token")
            return KedjaError(
                f"this token has no right to do that in {self.name}",
                "a fine-grained token needs the permission Administration (rulesets) or Pull requests (reviews)",
            )
        if error.code == 404:
            return KedjaError(
                f"there is no repository {self.name}, or this token may not see it", "name it: repository=owner/name"
            )
        try:
            said = json.load(error)
            reasons = "; ".join([said.get("message", ""), *map(str, said.get("errors", []))])
        except (ValueError, AttributeError):
            reasons = error.reason
        return KedjaError(f"GitHub refused ({error.code}): {reasons}")


def find(root: Path, name: str | None = None) -> Repository:
    """The repository by name, environment, or the clone's own origin; the token from the environment.

    Raises:
        KedjaError: no name to be found, no token, or an API address that is not http(s).
    """
    name = name or os.environ.get("GITHUB_REPOSITORY") or _origin(root)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise KedjaError(f"{name!r} names no repository on GitHub", "repository=owner/name")
    token = next((os.environ[key] for key in _TOKENS if os.environ.get(key)), "")
    if not token:
        raise KedjaError("there is no token for GitHub", f"set {_TOKENS[0]}, for example from: gh auth token")
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    if not api.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise KedjaError(f"GITHUB_API_URL={api} would send the token unencrypted", "use https")
    return Repository(name, token, api)


def _origin(root: Path) -> str:
    """`owner/name` of a remote like git@host:owner/name.git or https://host/owner/name."""
    done = subprocess.run(
        ["git", "config", "--get", "remote.origin.url"], cwd=root, capture_output=True, text=True, check=False
    )
    match = re.search(r"[:/]([\w.-]+/[\w.-]+?)(\.git)?/?$", done.stdout.strip())
    return match.group(1) if match and ("://" in done.stdout or "@" in done.stdout) else ""
