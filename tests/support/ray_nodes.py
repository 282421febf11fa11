"""A small Ray cluster of real processes on this machine: a head and worker nodes, one CPU each.

As a script it starts as many workers as it is told, prints the cluster's address and the processes of the raylets as
JSON, and stops them when its standard input closes.
"""

import contextlib
import inspect
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

STORE_BYTES = 80 * 2**20  # Ray accepts no less than 75 MB
SECONDS_TO_START = 300
PATIENCE = {
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_worker_register_timeout_seconds": "300",
    # A look every three seconds: a node counts as lost after half a minute of silence instead of 15 seconds.
    "RAY_health_check_failure_threshold": "10",
}


@dataclass(frozen=True)
class Nodes:
    """Address of the head, and the process that makes each node what it is: kill it, and the node is lost."""

    address: str
    head: int
    workers: list[int]


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[Nodes]:
    """A cluster without dashboard or reports to its maker, of which nothing stays."""
    # Sockets lie in this folder, and their paths may have some hundred characters only.
    with tempfile.TemporaryDirectory(prefix="kr", dir="/tmp", ignore_cleanup_errors=True) as folder:
        environment = os.environ | {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0", **PATIENCE}
        command = [sys.executable, __file__, str(workers)]
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, env=environment, text=True) as process:
            assert process.stdout
            line = process.stdout.readline()
            assert line, "the Ray nodes do not start; their messages are above"
            yield Nodes(**json.loads(line))


def main() -> None:
    from ray._private import services
    from ray.cluster_utils import Cluster

    services.get_node = patient(services.get_node)
    services.start_raylet = not_waiting(services.start_raylet)
    least = {"include_dashboard": False, "no_monitor": True, "include_log_monitor": False}
    agents = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port")
    # A raylet waits 15 seconds for agents to say which port they took, and ends: it is told.
    held = [{name: held_port() for name in agents} for _ in range(1 + int(sys.argv[1]))]
    ports = [{name: one.getsockname()[1] for name, one in own.items()} for own in held]
    nodes = [{"num_cpus": 1, "object_store_memory": STORE_BYTES, **least, **own} for own in ports]
    made = Cluster(initialize_head=True, head_node_args=nodes[0])
    workers = [made.add_node(**node) for node in nodes[1:]]
    head, *raylets = (one.all_processes["raylet"][0].process.pid for one in (made.head_node, *workers))
    print(json.dumps({"address": made.address, "head": head, "workers": raylets}), flush=True)
    sys.stdin.read()
    made.shutdown()


def patient(get_node: Callable[..., dict]) -> Callable[..., dict]:
    """Ray gives a node half a minute to start, which is too little on a machine that is busy with other tests."""

    def ask(*arguments: object) -> dict:
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                return get_node(*arguments)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    return ask


def not_waiting(start_raylet: Callable[..., Any]) -> Callable[..., Any]:
    """A raylet that does not learn its dashboard agent's port within 15 seconds ends itself; nobody here needs it."""

    def start(*arguments: Any, **named: Any) -> Any:
        place = inspect.signature(start_raylet).bind(*arguments, **named).arguments
        Path(place["session_dir"], f"dashboard_agent_listen_port_{place['node_id']}").write_text("1")
        return start_raylet(*arguments, **named)

    return start


def held_port() -> socket.socket:
    """A port that the system gives to nobody while this is open, except to who asks for it by its number."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


if __name__ == "__main__":
    main()
