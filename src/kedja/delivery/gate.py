"""The one check that branch rules ask for: every other job of the workflow went well."""

import json
from collections.abc import Collection

from kedja.common.errors import KedjaError


def check(needs: str, may_skip: Collection[str]) -> list[str]:
    """The jobs and their results, one line each.

    Args:
        needs: GitHub's `needs` context as JSON: job → {"result": "success" | "failure" | "cancelled" | "skipped"}.
        may_skip: jobs that are left out on purpose, for example on runners that a repository does not have.

    Raises:
        KedjaError: no jobs, or one of them did not go well.
    """
    try:
        results = {job: outcome["result"] for job, outcome in json.loads(needs).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KedjaError(
            "NEEDS is not GitHub's `needs` context", "in a workflow: NEEDS: ${{ toJSON(needs) }}"
        ) from None
    if not results:
        raise KedjaError("there are no jobs to judge", "name them under `needs:`")
    bad = [
        f"{job}: {result}"
        for job, result in results.items()
        if result != "success" and not (result == "skipped" and job in may_skip)
    ]
    if bad:
        raise KedjaError(f"not every job went well: {', '.join(bad)}", "the job's own log says why")
    return [f"{job}: {result}" for job, result in results.items()]
