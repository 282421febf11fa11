"""Upgrade the lock and ask for a review of it: `just lock-request`, every night."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))  # nothing need be installed

from kedja import cli  # noqa: E402
from kedja.common.errors import KedjaError  # noqa: E402
from kedja.environment import lock  # noqa: E402


@dataclass
class Options:
    """just lock-request: newer dependencies as a pull request. Needs GH_TOKEN and GitHub's program gh."""

    branch: str = cli.option("chore/upgrade-lock", "branch for it; an older one of that name is replaced")


def run(*command: str) -> str:
    """A program's answer; its failure in one message."""
    try:
        return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise KedjaError(f"{' '.join(command[:3])} failed: {error}") from None


def main(options: Options) -> None:
    """Upgrade; nothing new, nothing asked."""
    lock.lock(ROOT, ["--upgrade"])
    if not run("git", "status", "--porcelain", "uv.lock"):
        print("uv.lock: nothing newer")
        return
    title = "chore: upgrade the lock"
    author = ("-c", "user.name=kedja", "-c", "user.email=kedja@users.noreply.github.com")
    run("git", "checkout", "-B", options.branch)
    run("git", *author, "commit", "--message", title, "uv.lock")
    # gh answers git's question for a password from GH_TOKEN: the token lies in no file and no address.
    credentials = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")
    run("git", *credentials, "push", "--force", "origin", f"HEAD:refs/heads/{options.branch}")
    if run("gh", "pr", "list", "--head", options.branch, "--state", "open", "--json", "number").strip() in ("", "[]"):
        body = "Newest versions of everything in the lock. The checks below say whether they go together."
        run("gh", "pr", "create", "--head", options.branch, "--title", title, "--body", body)
    print(f"{options.branch}: pushed, review asked for")


if __name__ == "__main__":
    cli.run(main, Options)
