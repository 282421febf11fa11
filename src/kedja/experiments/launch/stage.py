"""The whole experiment stage: plan, run what is missing, say what failed."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from kedja.baselines.registry import of_kind
from kedja.common.cpus import available
from kedja.common.errors import KedjaError, nearest
from kedja.data.prepared import load, read_description
from kedja.data.splits.subset import Subset, take
from kedja.data.versions.ensure import ensure
from kedja.experiments.launch import budget, plan, pool, progress, ray_cluster, sets, warm
from kedja.experiments.launch.plan import Request
from kedja.experiments.launch.pool import Display, Outcome, Task
from kedja.experiments.launch.ray_cluster import Cluster
from kedja.experiments.launch.renewing import Renewing


@dataclass(frozen=True)
class Stage:
    """What ran: all tasks of the request, the outcomes of those that were still to be done, and what was cut."""

    tasks: list[Task]
    outcomes: list[Outcome]
    data: str
    cut: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.failed]


def run_stage(
    request: Request,
    conf: Path,
    runs: Path,
    jobs: int | None = None,
    *,
    cluster: Cluster | None = None,
    train: str = plan.TRAIN,
    after: Callable[[str], None] | None = None,
    minutes: float = 0,
) -> Stage:
    """Make the data, run every run of the request that is not finished, `jobs` side by side, here or on a cluster.

    Args:
        train: the module that trains one run.
        after: gets the data set's name whenever a run has finished.
        minutes: spend so many on what is most promising (`budget`); 0 runs everything.

    Raises:
        KedjaError: an unknown experiment or override; the data cannot be made; the cluster cannot be used.
    """
    suitable = _set_of(request, conf)
    experiments, baselines = plan.chosen(request, conf, suitable)
    wanted = plan.training_runs(request, experiments)
    data = plan.data_name(request, wanted)
    folder = ensure(data)
    wanted, baselines = plan.for_kind(request, wanted, baselines, read_description(folder)["kind"])
    if request.folds:
        # Too few images are said once and now, not by every run.
        take(load(folder), Subset(request.folds))
    others = plan.baseline_tasks(request, baselines, folder, runs)
    at_once = jobs or sets.JOBS.get(suitable) or plan.default_jobs(request.overrides)

    def go(tasks: Sequence[Task], deadline: float = math.inf) -> list[Outcome]:
        todo = plan.unfinished(tasks)
        if not todo:
            return []
        with progress.display(len(todo)) as shown:
            display = Renewing(shown, partial(after, data)) if after else shown
            if cluster:
                return ray_cluster.run_all(todo, cluster, folder, jobs, display)
            return run_here(todo, min(at_once, len(todo)), display, deadline)

    if minutes:
        if cluster:
            raise KedjaError("minutes= is for this machine", "leave it out, or executor=ray")
        spent = budget.spend(minutes, wanted, others, train, go)
        return Stage(spent.tasks, spent.outcomes, data, spent.cut)
    tasks = [*plan.training_tasks(wanted, train), *others]
    return Stage(tasks, go(tasks), data)


def _set_of(request: Request, conf: Path) -> str:
    """The set that was asked for, else the one that suits the data, which is said."""
    known = sets.sets(conf)
    if request.set and request.set not in known:
        raise KedjaError(f"set={request.set}: there is no conf/experiment/{request.set}/", nearest(request.set, known))
    if request.set:
        return request.set
    data = load(ensure(plan.data_name(request, [])))
    name, why = data.stored.experiments()
    if request.only:
        return name
    if name not in known and not of_kind(data.kind):
        raise KedjaError(
            f"there are no experiments for examples {why}", f"choose one of set={'|'.join(known)}, or only=…"
        )
    print(f"experiments: {name} ({why}); set=… chooses others", flush=True)
    return name


def run_here(tasks: Sequence[Task], jobs: int, display: Display, deadline: float = math.inf) -> list[Outcome]:
    """Run the tasks as processes of this machine, which share its cores and GPUs, until `deadline` (`pool.run_all`)."""
    environment = share_cores(jobs)
    places = one_gpu_each(len(tasks))
    placed = [replace(task, environment=environment | place) for task, place in zip(tasks, places, strict=True)]
    with warm.starter(sum(task.warm for task in tasks), environment) as starting:
        return pool.run_all(placed, jobs, display, starting, deadline)


def one_gpu_each(tasks: int) -> list[dict[str, str]]:
    """Environments that deal the GPUs out to the tasks in turn; nothing to deal with one, or where the user chose."""
    count = plan.gpus()
    if count < 2 or "CUDA_VISIBLE_DEVICES" in os.environ:
        return [{}] * tasks
    return [{"CUDA_VISIBLE_DEVICES": str(index % count)} for index in range(tasks)]


def share_cores(jobs: int) -> dict[str, str]:
    """Environment of one of `jobs` processes side by side: ones that each start a thread a core slow each other."""
    threads = str(max(1, available() // jobs))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {name: os.environ.get(name, threads) for name in names}
