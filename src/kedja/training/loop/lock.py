"""One process at a time in a run's folder."""

import contextlib
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.common.locks import locked
from kedja.runs.folder import is_first_process

LOCK = "training.lock"
# A tuning worker that was taken for dead lets go of its run within a heartbeat (5 s) of being back.
PATIENCE_SECONDS = 8.0


def only_process(directory: Path) -> contextlib.AbstractContextManager[None]:
    """Keep other processes from training in `directory`; under `torchrun` the first process does it for all.

    Raises:
        KedjaError: another process trains there (names it) and does not stop within `PATIENCE_SECONDS`.
    """
    if not is_first_process():
        return contextlib.nullcontext()

    def refusal(holder: str) -> KedjaError:
        return KedjaError(
            f"{directory} is being trained already, by {holder}",
            "wait for it, or stop it and give the same command again to continue",
        )

    return locked(directory / LOCK, patience=PATIENCE_SECONDS, refusal=refusal)
