"""The whole experiment stage: plan, run what is missing, say what failed."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kedja.common.cpus import available
from kedja.common.errors import KedjaError, nearest
from kedja.data.prepared import load
from kedja.data.versions.ensure import ensure
from kedja.experiments.launch import plan, pool, progress, ray_cluster, sets, warm
from kedja.experiments.launch.plan import Request
from kedja.experiments.launch.pool import Display, Outcome, Task
from kedja.experiments.launch.ray_cluster import Cluster
from kedja.experiments.launch.renewing import Renewing
from kedja.training.config.experiments import HOME


@dataclass(frozen=True)
class Stage:
    """What ran: all tasks of the request, and the outcomes of those that were still to be done."""

    tasks: list[Task]
    outcomes: list[Outcome]
    data: str

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
) -> Stage:
    """Make the data, run every run of the request that is not finished, `jobs` side by side, here or on a cluster.

    Args:
        train: the module that trains one run.
        after: gets the data set's name whenever a run has finished.

    Raises:
        KedjaError: an unknown experiment or override; the data cannot be made; the cluster cannot be used.
    """
    experiments, baselines = plan.chosen(request, conf, _set_of(request, conf))
    wanted = plan.training_runs(request, experiments)
    data = plan.data_name(request, wanted)
    folder = ensure(data)
    tasks = [
        *plan.training_tasks(wanted, train),
        *plan.baseline_tasks(request, baselines, folder, runs),
    ]
    todo = plan.unfinished(tasks)
    if not todo:
        return Stage(tasks, [], data)
    with progress.display(len(todo)) as shown:
        display = Renewing(shown, partial(after, data)) if after else shown
        if cluster:
            return Stage(tasks, ray_cluster.run_all(todo, cluster, folder, jobs, display), data)
        jobs = min(jobs or plan.default_jobs(request.overrides), len(todo))
        return Stage(tasks, run_here(todo, jobs, display), data)


def _set_of(request: Request, conf: Path) -> str:
    """The set that was asked for, else the one that suits the data, which is said."""
    known = sets.sets(conf)
    if request.set and request.set not in known:
        raise KedjaError(f"set={request.set}: there is no conf/experiment/{request.set}/", nearest(request.set, known))
    if request.set or request.only:
        return request.set or HOME
    name, why = load(ensure(plan.data_name(request, []))).stored.experiments()
    if name not in known:
        raise KedjaError(
            f"there are no experiments for examples {why}", f"choose one of set={'|'.join(known)}, or only=…"
        )
    print(f"experiments: {name} ({why}); set=… chooses others", flush=True)
    return name


def run_here(tasks: Sequence[Task], jobs: int, display: Display) -> list[Outcome]:
    """Run the tasks as processes of this machine, which share its cores and GPUs."""
    environment = share_cores(jobs)
    places = one_gpu_each(len(tasks))
    placed = [replace(task, environment=environment | place) for task, place in zip(tasks, places, strict=True)]
    with warm.starter(sum(task.warm for task in tasks), environment) as starting:
        return pool.run_all(placed, jobs, display, starting)


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
