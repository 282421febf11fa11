"""An Optuna study that any number of processes and machines share: no trial lost, none counted twice.

A worker signs each of its trials with a heartbeat. One that stays silent is taken for dead: whoever notices
puts its trial back into the queue with the same parameters, and its run continues from its last checkpoint.
"""

import contextlib
import re
import sqlite3
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError
from kedja.common.refusals import database_remedy

HEARTBEAT_SECONDS = 5
GRACE_SECONDS = 20
TRAINING_FAILED = "training_failed"
MOST_RETRIES = 3
MOST_ATTEMPTS = 6
_SQLITE = "sqlite:///"


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
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _refuse_others(storage)
    try:
        study = optuna.create_study(
            storage=_database(storage, grace),
            study_name=name,
            directions=[*directions],  # type: ignore[list-item] # text of the two literals that it wants
            pruner=pruner,
            # Every worker draws its own start; the first trials would repeat each other otherwise.
            sampler=_sampler(seed),
            load_if_exists=True,
        )
    except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError) as error:
        # A RuntimeError is Optuna's word for tables of another version of it.
        if isinstance(error, RuntimeError) and "version" not in str(error):
            raise
        cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
        reason = str(getattr(cause, "orig", None) or cause).strip().partition("\n")[0]
        raise KedjaError(
            f"the study's database {_place(storage)} cannot be used: {reason}",
            database_remedy(reason) or "check storage=…, or choose another name: study=…",
        ) from None
    if [direction.name.lower() for direction in study.directions] != list(directions):
        raise KedjaError(f"the study {name!r} was begun with other objectives", "choose another name: study=…")
    return study


def check_space(study: Any, name: str, space: Mapping[str, Any]) -> None:
    """Refuse a search space that the trials so far contradict: Optuna would refuse it in the middle of the first trial.

    Args:
        space: key → Optuna's distribution.
    """
    from optuna.distributions import check_distribution_compatibility

    for trial in study.get_trials(deepcopy=False):
        for key, before in trial.distributions.items():
            try:
                check_distribution_compatibility(before, space.get(key, before))
            except ValueError:
                raise KedjaError(
                    f"the study {name!r} was begun with another space for {key}: {before}, now {space[key]}",
                    "choose another name: study=…, or give the space as it was",
                ) from None


def _refuse_others(storage: str) -> None:
    """Refuse a SQLite file with another program's tables: Optuna would add its own to them."""
    if not storage.startswith(_SQLITE) or not Path(_place(storage)).is_file():
        return
    database = sqlite3.connect(f"{Path(_place(storage)).absolute().as_uri()}?mode=ro", uri=True)
    try:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise KedjaError(f"{_place(storage)} cannot be used: {error}", database_remedy(error)) from None
    finally:
        database.close()
    if tables and "studies" not in tables:
        raise KedjaError(
            f"{_place(storage)} is another program's database (with {', '.join(sorted(tables)[:3])})",
            "move it away, or choose another name: study=…",
        )


def _place(storage: str) -> str:
    """The address without a password; of SQLite the file alone."""
    return storage.removeprefix(_SQLITE) if storage.startswith(_SQLITE) else re.sub(r":[^:/@]*@", ":…@", storage)


def _database(storage: str, grace: int) -> Any:
    """Optuna's tables in the database, made where they are missing; of several workers at once, one makes them."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
    from sqlalchemy.exc import DBAPIError

    for attempt in range(MOST_ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return RDBStorage(
                    storage,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=grace,
                    heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MOST_RETRIES),
                )
        except DBAPIError as error:
            being_made = any(word in str(error).lower() for word in ("already exists", "unique", "duplicate"))
            if not being_made or attempt == MOST_ATTEMPTS - 1:
                raise
            time.sleep(0.2 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _sampler(seed: int) -> Any:
    """TPE that models settings together and keeps away from those that are running."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed or None, multivariate=True, constant_liar=True)


def claim(study: Any, budget: int) -> Any | None:
    """A trial to run, or None while (or because) `budget` trials are taken.

    Trials are numbered by the database, so that of two workers who both take the last place exactly one keeps it.
    """
    from optuna.trial import TrialState

    retry_stale(study)
    trials = study.get_trials(deepcopy=False)
    if _counted(trials) >= budget and not any(one.state == TrialState.WAITING for one in trials):
        return None
    with warnings.catch_warnings():
        # Optuna beats the heart itself in `Study.optimize` only; here each worker does (`heartbeat`).
        warnings.filterwarnings("ignore", "Heartbeat of storage")
        trial = study.ask()
    earlier = [one for one in study.get_trials(deepcopy=False) if one.number < trial.number]
    if _counted(earlier) >= budget:
        study.tell(trial, state=TrialState.FAIL)
        return None
    heartbeat(study, trial)
    return trial


def heartbeat(study: Any, trial: Any) -> None:
    """Say that the trial's worker lives; to be repeated every few seconds.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: too late, the trial was given to another worker.
    """
    # Optuna keeps the identifier that its own storage interface asks for to itself.
    storage, identifier = study._storage, trial._trial_id
    storage.check_trial_is_updatable(identifier, storage.get_trial(identifier).state)
    storage.record_heartbeat(identifier)


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
