"""Push, pull, status and diff of the versioned data sets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja import cli
from kedja.common.outside import printable
from kedja.data.versions.difference import difference
from kedja.data.versions.remote import pull, push, status


@dataclass
class Options:
    """Versioned data sets against the DVC remote and against other commits.

    just data-push                 what is here, to the remote (uv run dvc remote add -d storage s3://bucket/path)
    just data-pull data=digits     from the remote, read in full and verified
    just data-status               every pinned data set: here, in the cache, on the remote
    just data-diff rev=HEAD~1      what changed since another commit
    """

    action: Literal["push", "pull", "status", "diff"] = cli.option("status", "what to do; the recipe says it")
    data: str = cli.data_set("", "one data set; all that data.dvc pins by default")
    rev: str = cli.option("HEAD", "commit, branch or tag to compare with", metavar="revision")


def main(options: Options) -> None:
    root = Path()
    if options.action == "push":
        lines = push(root, options.data)
    elif options.action == "pull":
        lines = pull(root, options.data)
    elif options.action == "diff":
        lines = difference(root, options.rev) or [f"no data set changed since {options.rev}"]
    else:
        rows = [(s.name, s.here, "yes" if s.cached else "no", s.remote) for s in status(root)]
        lines = cli.align(["data set", "here", "in the cache", "on the remote"], rows)
    print(printable("\n".join(lines)))


if __name__ == "__main__":
    cli.run(main, Options)
