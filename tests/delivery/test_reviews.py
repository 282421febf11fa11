import subprocess
import sys
from pathlib import Path

import pytest

from kedja.common.errors import KedjaError
from kedja.delivery import reviews
from kedja.delivery.reviews import BEGIN, END, Review

ROOT = Path(__file__).resolve().parents[2]


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def history(tmp_path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "--allow-empty", "-m", "chore: begin")
    git(tmp_path, "checkout", "-qb", "feature/a")
    git(tmp_path, "commit", "--allow-empty", "-m", "feat: part of it")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "merge", "--no-ff", "feature/a", "-m", "Merge pull request #7 from owner/feature", "-m", "Add a part")
    git(tmp_path, "commit", "--allow-empty", "-m", "feat: add a | loader (#12)")
    git(tmp_path, "checkout", "-qb", "feature/b")
    git(tmp_path, "commit", "--allow-empty", "-m", "fix: b")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "merge", "--no-ff", "feature/b", "-m", "Mend b")
    git(tmp_path, "checkout", "-qb", "feature/c")
    git(tmp_path, "commit", "--allow-empty", "-m", "fix: c")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "merge", "--no-ff", "feature/c", "-m", "Merge branch 'main' into feature/c")
    return tmp_path


def test_the_history_alone_gives_merges_and_squashes(history):
    found = reviews.from_history(history)
    assert [review.subject for review in found] == ["Mend b", "feat: add a | loader", "Add a part"]
    assert [review.change for review in found][1:] == ["#12", "#7"]
    assert all(len(review.date) == 10 for review in found)


def test_outside_a_repository_one_message(tmp_path):
    with pytest.raises(KedjaError, match="no git history"):
        reviews.from_history(tmp_path)


def pull(number, merged, title="a change"):
    return {"number": number, "title": title, "merged_at": merged}


def review(login, state):
    return {"user": {"login": login}, "state": state}


def test_github_tells_who_approved(github, tmp_path):
    github.pulls = [pull(1, None), pull(3, "2026-03-02T00:00:00Z", "later"), pull(2, "2026-03-01T00:00:00Z", "earlier")]
    github.reviews = {
        3: [review("b", "APPROVED"), review("a", "APPROVED"), review("c", "COMMENTED"), review("b", "COMMENTED")],
        2: [review("a", "APPROVED"), review("a", "CHANGES_REQUESTED")],
    }
    readme = tmp_path / "README.md"
    readme.write_text(f"# x\n\n{BEGIN}\n{END}\n\nrest\n")
    command = [sys.executable, ROOT / "scripts" / "reviews.py", f"file={readme}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 merged changes, renewed" in done.stdout
    lines = readme.read_text().splitlines()
    assert lines[5:7] == ["| #3 | 2026-03-02 | later | a, b |", "| #2 | 2026-03-01 | earlier |  |"]
    assert lines[-1] == "rest"
    assert "unchanged" in subprocess.run(command, capture_output=True, text=True).stdout


def test_a_table_survives_what_a_subject_holds():
    assert reviews.to_markdown([Review("#1", "2026-01-01", "a | b")]).splitlines()[2] == r"| #1 | 2026-01-01 | a \| b |"
    assert "No change" in reviews.to_markdown([])


def test_a_file_without_markers_is_left_alone(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"{END}{BEGIN}")
    with pytest.raises(KedjaError, match="has no lines"):
        reviews.renew(file, "text")
    assert file.read_text() == f"{END}{BEGIN}"
