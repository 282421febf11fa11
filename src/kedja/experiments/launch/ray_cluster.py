"""The tasks of an experiment stage on an existing Ray cluster instead of this machine's own processes.

Ray queues, places and, after a lost node, starts again (https://docs.ray.io/en/latest/ray-core/fault-tolerance.html);
here is decided what a task is, where its results go, and who is told. Ray is imported only when this runs.
"""

import contextlib
import importlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kedja.common.errors import KedjaError
from kedja.common.files import replacing_directory
from kedja.common.options import option
from kedja.experiments.launch import ray_task
from kedja.experiments.launch.pool import Display, Outcome, Task
from kedja.experiments.launch.ray_task import Place, Result, View
from kedja.runs.folder import CHECKPOINT, CONFIG, SUMMARY

WAIT_SECONDS = 0.5
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Cluster:
    """Which Ray cluster, and what a run needs of it: the keys `ray.…` of `just experiments executor=ray`."""

    address: str = option("auto", "auto (this machine belongs to it), host:port of its head, or ray://host:10001")
    cpus: float = option(1.0, "CPUs a run; also its threads")
    gpus: float = option(0.0, "GPUs a run; 0.5 lets two share one")
    retries: int = option(3, "how often a run is started again whose node was lost; -1: always")
    shared: bool | None = option(None, "whether the nodes see this folder; left out, they are asked")

    def __post_init__(self) -> None:
        if self.cpus < 0 or self.gpus < 0 or self.cpus + self.gpus == 0:
            raise KedjaError(f"ray.cpus={self.cpus:g} ray.gpus={self.gpus:g} is nothing to run on", "ray.cpus=1")
        if self.gpus > 1 and self.gpus % 1:
            raise KedjaError(f"ray.gpus={self.gpus:g} is no share that Ray knows", "a share below 1, or whole GPUs")


def run_all(tasks: Sequence[Task], cluster: Cluster, data: Path, jobs: int | None, display: Display) -> list[Outcome]:
    """Run every task on the cluster; one that fails stops no other.

    Args:
        data: the prepared data set, sent along where nodes do not see it.
        jobs: how many at a time; None for as many as the cluster has room for.

    Raises:
        KedjaError: no Ray, no cluster, no node with such resources, or nodes with other code.
    """
    with _connected(cluster.address) as ray, _place(tasks) as place:
        shared = _ask_nodes(ray, cluster, place)
        if not shared:
            _refuse_absolute(tasks)
        submit = _submitter(ray, cluster, place, data, shared)
        return _run(ray, tasks, submit, lambda: jobs or _room(ray, cluster), display)


def _run(
    ray: Any, tasks: Sequence[Task], submit: Callable[[Task], Any], room: Callable[[], int], display: Display
) -> list[Outcome]:
    waiting = list(reversed(tasks))
    running: dict[Any, tuple[Task, float]] = {}
    outcomes: list[Outcome] = []
    while waiting or running:
        # With no room at all (its node was lost) one waits in Ray's own queue, which knows when there is room again.
        while waiting and len(running) < max(1, room()):
            task = waiting.pop()
            running[submit(task)] = (task, time.monotonic())
            display.started(task)
        done, _ = ray.wait(list(running), num_returns=1, timeout=WAIT_SECONDS)
        for reference in done:
            task, since = running.pop(reference)
            status = _collect(ray, reference, task)
            outcomes.append(Outcome(task, status, time.monotonic() - since))
            display.ended(outcomes[-1])
        display.tick([task for task, _ in running.values()])
    return outcomes


def _collect(ray: Any, reference: Any, task: Task) -> int:
    """Put what came back into its place; the exit status."""
    try:
        result: Result = ray.get(reference)
    except ray.exceptions.RayError as error:
        result = Result(1, f"Ray: {type(error).__name__}: {error}\n".encode())
    if result.log:
        task.log.parent.mkdir(parents=True, exist_ok=True)
        task.log.write_bytes(result.log)
    for directory, archive in zip(task.directories, result.runs, strict=False):
        with replacing_directory(directory, CONFIG, CHECKPOINT, SUMMARY) as fresh:
            ray_task.unpack(archive, fresh)
    return result.status


def _submitter(ray: Any, cluster: Cluster, place: Place, data: Path, shared: bool) -> Callable[[Task], Any]:
    """A function that hands a task to Ray and returns the reference of its `Result`."""
    run = ray.remote(ray_task.run_shared if shared else ray_task.run_apart)
    more = [] if shared else [data.name, [ray.put(ray_task.pack(data))]]
    needs = {"num_cpus": cluster.cpus, "num_gpus": cluster.gpus, "max_retries": cluster.retries}
    return lambda task: run.options(name=task.name, **needs).remote(task, place, *more)


def _ask_nodes(ray: Any, cluster: Cluster, place: Place) -> bool:
    """Whether every node that could run a task sees the folder; all of them must have this code."""
    views = _views(ray, [node["NodeID"] for node in _nodes(ray) if _fits(node["Resources"], cluster)], place)
    if not views:
        needed = f"{cluster.cpus:g} CPUs" + (f" and {cluster.gpus:g} GPUs" if cluster.gpus else "")
        raise KedjaError(f"no node of the Ray cluster has {needed}", "ask for less with ray.cpus=… ray.gpus=…")
    other = sorted({view.node for view in views if not view.same_code})
    if other:
        raise KedjaError(
            f"{', '.join(other)} would run other code (src/, conf/ or uv.lock differ)",
            "bring the clones of all nodes to the same commit",
        )
    blind = sorted({view.node for view in views if not view.shared})
    if cluster.shared and blind:
        raise KedjaError(f"ray.shared=true, but {', '.join(blind)} does not see {place.folder}", "leave ray.shared out")
    return not blind if cluster.shared is None else cluster.shared


def _views(ray: Any, nodes: Sequence[str], place: Place) -> list[View]:
    """What each node sees; one that was lost, which Ray notices some seconds later only, is left out."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(ray_task.look)
    pinned = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
    asked = [look.options(num_cpus=0, scheduling_strategy=one).remote(place) for one in pinned]
    views = []
    for node, answer in zip(nodes, asked, strict=True):
        try:
            views.append(ray.get(answer))
        except ray.exceptions.RayError as error:
            if node in (alive["NodeID"] for alive in _nodes(ray)):
                raise KedjaError(
                    f"a node of the Ray cluster cannot run Kedja: {_line(error, -1)}",
                    "start Ray on every node from its clone's environment (`just env groups=train,ray`)",
                ) from None
    return views


def _refuse_absolute(tasks: Sequence[Task]) -> None:
    for directory in (directory for task in tasks for directory in task.directories):
        if directory.is_absolute():
            raise KedjaError(f"nodes that see no {directory} cannot write there", "choose a folder in this one: runs=…")


def _room(ray: Any, cluster: Cluster) -> int:
    """How many runs fit on the nodes that are alive."""
    return sum(_fits(node["Resources"], cluster) for node in _nodes(ray))


def _fits(resources: dict[str, float], cluster: Cluster) -> int:
    wanted = {"CPU": cluster.cpus, "GPU": cluster.gpus}
    return min(int(resources.get(name, 0) // amount) for name, amount in wanted.items() if amount)


def _nodes(ray: Any) -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


@contextlib.contextmanager
def _place(tasks: Sequence[Task]) -> Iterator[Place]:
    runs = tasks[0].directories[0].parent.parent
    runs.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=runs.resolve(), prefix=".ray-") as marker:
        yield Place(Path.cwd(), Path(marker.name), ray_task.sources())


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected; at the end, however it comes, Ray stops what still runs for us."""
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError:
        raise KedjaError("Ray is not installed", "install it with `just env groups=dev,ray`") from None
    address = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    _answers(address)
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError, SystemExit) as error:
        raise _no_cluster(address, _line(error, 0)) from None
    # Ray would end this process at once; ours lets it stop its runs first.
    signal.signal(signal.SIGTERM, before)
    try:
        yield ray
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Ray itself waits more than a minute for a head that is not there, and then ends the process."""
    if address == "auto":
        return
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, str(error)) from None


def _line(error: BaseException, which: int) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[which]


def _no_cluster(address: str, why: str) -> KedjaError:
    return KedjaError(
        f"no Ray cluster answers at ray.address={address}: {why}",
        "start one (`ray start --head`, elsewhere `ray start --address=host:6379`), or give its address",
    )
