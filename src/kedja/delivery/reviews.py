"""The list of reviewed changes: from GitHub's pull requests, or from the history of the main branch alone."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kedja.common import files
from kedja.common.errors import KedjaError
from kedja.delivery.github import Repository

BEGIN, END = "<!-- reviews:begin -->", "<!-- reviews:end -->"

# "Merge pull request #12 from owner/branch", "Add a loader (#12)": GitHub's own two ways of naming a merged change.
_MERGE = re.compile(r"Merge pull request #(\d+) from \S+")
_SQUASH = re.compile(r"(.+) \(#(\d+)\)")
# What git itself writes when a branch catches up with another: no change of its own.
_CATCHING_UP = re.compile(r"Merge (remote-tracking )?branch '\S+'( of \S+)? into \S+")


@dataclass(frozen=True)
class Review:
    """A change that came in.

    Attributes:
        change: `#12`, or a short commit hash where there was no pull request.
        date: year-month-day of the merge.
        reviewers: who approved it; empty where only the history is known.
    """

    change: str
    date: str
    subject: str
    reviewers: tuple[str, ...] = ()


def from_github(repository: Repository) -> list[Review]:
    """Every merged pull request into the default branch, the newest first, with those who approved it."""
    branch = _ask_default_branch(repository)
    found = []
    for pull in repository.pages(f"pulls?state=closed&base={branch}"):
        if pull.get("merged_at"):
            approved = _approvers(repository, pull["number"])
            found.append(Review(f"#{pull['number']}", pull["merged_at"][:10], pull["title"], approved))
    return sorted(found, key=lambda review: (review.date, int(review.change[1:])), reverse=True)


def _approvers(repository: Repository, number: int) -> tuple[str, ...]:
    """Those whose last word on a pull request was yes; comments are no last words."""
    last = {}
    for review in repository.pages(f"pulls/{number}/reviews"):
        if review.get("user") and review["state"] != "COMMENTED":
            last[review["user"]["login"]] = review["state"]
    return tuple(sorted(login for login, state in last.items() if state == "APPROVED"))


def _ask_default_branch(repository: Repository) -> str:
    return str(repository.get("").get("default_branch", "main"))


def from_history(root: Path, branch: str = "HEAD") -> list[Review]:
    """Merge commits and squashed pull requests on the first-parent line, the newest first."""
    command = ["git", "log", "--first-parent", "--date=short", "--format=%h%x1f%ad%x1f%P%x1f%s%x1f%b%x1e", branch]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise KedjaError(f"{root} has no git history to read") from None
    found = []
    for entry in done.stdout.split("\x1e"):
        if not entry.strip():
            continue
        commit, date, parents, subject, body = entry.strip("\n").split("\x1f")
        review = _read(commit, date, subject, body, is_merge=" " in parents)
        if review:
            found.append(review)
    return found


def _read(commit: str, date: str, subject: str, body: str, *, is_merge: bool) -> Review | None:
    if match := _MERGE.fullmatch(subject):
        title = next((line for line in body.splitlines() if line.strip()), subject)
        return Review(f"#{match.group(1)}", date, title)
    if match := _SQUASH.fullmatch(subject):
        return Review(f"#{match.group(2)}", date, match.group(1))
    return Review(commit, date, subject) if is_merge and not _CATCHING_UP.fullmatch(subject) else None


def to_markdown(reviews: Sequence[Review]) -> str:
    """A table, with a column of reviewers where any is known."""
    if not reviews:
        return "No change has been merged yet."
    named = any(review.reviewers for review in reviews)
    rows = [["change", "merged", "what", *(["approved by"] if named else [])]]
    rows.append(["---"] * len(rows[0]))
    for review in reviews:
        subject = review.subject.replace("|", r"\|")
        rows.append([review.change, review.date, subject, *([", ".join(review.reviewers)] if named else [])])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def renew(path: Path, text: str) -> bool:
    """Put `text` between the markers of a file; whether that changed it.

    Raises:
        KedjaError: the markers are not there, or not in order.
    """
    before = path.read_text(encoding="utf-8")
    start, end = before.find(BEGIN), before.find(END)
    if start < 0 or end < start:
        raise KedjaError(f"{path.name} has no lines {BEGIN} and {END}", "put them where the list belongs")
    after = before[: start + len(BEGIN)] + "\n" + text + "\n" + before[end:]
    if after != before:
        files.write_text(path, after)
    return after != before
