"""The whole experiment stage: plan, run what is missing, say what failed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kedja.common.cpus import available
from kedja.data.prepared import read_description
from kedja.data.versions.ensure import ensure
from kedja.experiments.launch import plan, pool, progress, ray_cluster, warm
from kedja.experiments.launch.plan import Request
from kedja.experiments.launch.pool import Display, Outcome, Task
from kedja.experiments.launch.ray_cluster import Cluster


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
) -> Stage:
    """Make the data, run every run of the request that is not finished, `jobs` side by side, here or on a cluster.

    Args:
        train: the module that trains one run.

    Raises:
        KedjaError: an unknown experiment or override; the data cannot be made; the cluster cannot be used.
    """
    experiments, baselines = plan.chosen(request, conf)
    wanted = plan.training_runs(request, experiments)
    data = plan.data_name(request, wanted)
    folder = ensure(data)
    wanted, baselines = plan.for_kind(request, wanted, baselines, read_description(folder)["kind"])
    tasks = [
        *plan.training_tasks(wanted, train),
        *plan.baseline_tasks(request, baselines, folder, runs),
    ]
    todo = plan.unfinished(tasks)
    if not todo:
        return Stage(tasks, [], data)
    with progress.display(len(todo)) as display:
        if cluster:
            return Stage(tasks, ray_cluster.run_all(todo, cluster, folder, jobs, display), data)
        jobs = min(jobs or plan.default_jobs(request.overrides), len(todo))
        return Stage(tasks, run_here(todo, jobs, display), data)


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
