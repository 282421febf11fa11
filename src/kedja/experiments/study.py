"""An Optuna study that any number of processes and machines share: no trial lost, none counted twice.

A worker signs each of its trials with a heartbeat. One that stays silent is taken for dead: whoever notices
puts its trial back into the queue with the same parameters, and its run continues from its last checkpoint.
"""

import contextlib
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedja.bundle.errors import KedjaError

HEARTBEAT_SECONDS = 5
GRACE_SECONDS = 20
TRAINING_FAILED = "training_failed"
MOST_RETRIES = 3


def default_storage(runs: Path, name: str) -> str:
    """A local SQLite file."""
    folder = (runs / "tune" / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'study.db'}"


def open_study(
    name: str, storage: str, directions: Sequence[str], *, pruner: Any, seed: int, grace: int = GRACE_SECONDS
) -> Any:
    """The study `name`, made if it is not there yet.

    Args:
        storage: a database address of SQLAlchemy's kind, for example ``postgresql+psycopg://user@host/name``.
        directions: "maximize" or "minimize", one an objective.

    Raises:
        KedjaError: the database cannot be reached, or the study there has other objectives.
    """
    import optuna
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        database = RDBStorage(
            storage,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=grace,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MOST_RETRIES),
        )
        study = optuna.create_study(
            storage=database,
            study_name=name,
            directions=[*directions],  # type: ignore[list-item] # text of the two literals that it wants
            pruner=pruner,
            # Every worker draws its own start; the first trials would repeat each other otherwise.
            sampler=optuna.samplers.TPESampler(seed=seed or None, multivariate=True, constant_liar=True),
            load_if_exists=True,
        )
    except (SQLAlchemyError, ImportError) as error:
        raise KedjaError(f"the study's database cannot be used: {error}", "check storage=…") from None
    if [direction.name.lower() for direction in study.directions] != list(directions):
        raise KedjaError(f"the study {name!r} was begun with other objectives", "choose another name: study=…")
    return study


def claim(study: Any, budget: int) -> Any | None:
    """A trial to run, or None while (or because) `budget` trials are taken.

    Trials are numbered by the database, so that of two workers who both take the last place exactly one keeps it.
    """
    from optuna.trial import TrialState

    retry_stale(study)
    trials = study.get_trials(deepcopy=False)
    if _counted(trials) >= budget and not any(one.state == TrialState.WAITING for one in trials):
        return None
    trial = study.ask()
    earlier = [one for one in study.get_trials(deepcopy=False) if one.number < trial.number]
    if _counted(earlier) >= budget:
        study.tell(trial, state=TrialState.FAIL)
        return None
    heartbeat(study, trial)
    return trial


def heartbeat(study: Any, trial: Any) -> None:
    """Say that the trial's worker lives; to be repeated every few seconds."""
    # Optuna keeps the identifier that its own storage interface asks for to itself.
    study._storage.record_heartbeat(trial._trial_id)


def retry_stale(study: Any) -> None:
    """Put the trials of dead workers back into the queue."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import fail_stale_trials

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)


def give_back(study: Any, trial: Any) -> None:
    """An interrupted trial: back into the queue at once, without waiting for its heartbeat to go stale."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    params, attributes = trial.params, trial.user_attrs
    with contextlib.suppress(UpdateFinishedTrialError, ValueError):
        # Where another worker took this one for dead, it has queued the trial already.
        study.tell(trial, state=TrialState.FAIL)
        study.enqueue_trial(params, user_attrs=attributes)


def all_done(study: Any, budget: int) -> bool:
    """`budget` trials have ended and none is running or waiting anywhere."""
    trials = study.get_trials(deepcopy=False)
    return _counted(trials) >= budget and all(one.state.is_finished() for one in trials)


def deadline(minutes: float | None) -> float:
    """On this process's monotonic clock."""
    return time.monotonic() + 60 * minutes if minutes else float("inf")


def _counted(trials: Sequence[Any]) -> int:
    """Trials that take a place in the budget: all but those that were interrupted or given up."""
    from optuna.trial import TrialState

    return sum(one.state != TrialState.FAIL or TRAINING_FAILED in one.user_attrs for one in trials)
