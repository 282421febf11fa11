"""What the environment must be able to do, each checked for real. Works where packages are missing or broken."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedja.environment import hardware, packages, stamp
from kedja.environment.check import Check

PROBES = Path(__file__).parent / "probes"

# float32 accumulates 256 products to about 1e-6; TF32, which some GPUs are set to, to about 1e-3.
LARGEST_ERROR = 5e-3

_SMALL_DISK = 2 << 30  # bytes: a few runs and a bundle
_SMALL_SHARED_MEMORY = 256 << 20  # bytes: data loader workers hand batches over through it


def run_all(root: Path) -> list[Check]:
    """Every check that makes sense for the groups that are installed."""
    record = stamp.read(root)
    python = stamp.interpreter(root)
    names = record.versions if record and record.versions else stamp.installed(root)
    checks = [*_guard("python", lambda: [python_version(root, python)])]
    checks += _guard("packages", lambda: packages.check(root, record))
    if "torch" in names or not names:
        checks += _guard("pytorch", lambda: accelerators(python))
    checks += _guard("onnx runtime", lambda: [onnx_runtime(python)])
    checks += _guard("git", lambda: [git(root)])
    if "dvc" in names or not names:
        dvc = [str(python), "-c", "import dvc.repo, dvc; print('DVC', dvc.__version__)"]
        checks += _guard("dvc", lambda: [tool("dvc", dvc, "just env")])
    checks += _guard("disk", lambda: [disk(root)])
    checks += _guard("shared memory", shared_memory)
    return checks


def _guard(name: str, check: Callable[[], list[Check]]) -> list[Check]:
    """A check that breaks is a failed check, never the end of the others."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what this program is asked to report
        return [Check(name, "failed", f"the check itself broke: {type(error).__name__}: {error}", "just env")]


def python_version(root: Path, python: Path) -> Check:
    """The environment's Python runs and is new enough."""
    if not python.exists():
        return Check("python", "failed", f"there is no environment in {root / '.venv'}", "just env")
    done = _run([str(python), "-c", "import platform, sys; print(platform.python_version(), *sys.version_info[:2])"])
    words = done.stdout.split()
    if done.returncode != 0 or len(words) != 3:
        return Check("python", "failed", f"{python} does not run: {_last_line(done)}", "just env")
    if (int(words[1]), int(words[2])) < (3, 11):
        return Check("python", "failed", f"{words[0]} is too old", "remove .venv and run: just env")
    return Check("python", "ok", f"{words[0]} in .venv")


def accelerators(python: Path) -> list[Check]:
    """One check a device that PyTorch offers, and one for a GPU that PyTorch does not see."""
    report, complaint = _probe(python, "torch_probe.py")
    if report is None:
        return [Check("pytorch", "failed", complaint, "just env; where it stays broken, remove .venv first")]
    checks = [Check("pytorch", "ok", f"{report['version']}, CUDA {report['cuda'] or '–'}, ROCm {report['hip'] or '–'}")]
    checks += [_device(record) for record in report["devices"]]
    machine = hardware.detect()
    if machine.kind != "none" and len(report["devices"]) == 1:
        checks.append(
            Check(
                "accelerator",
                "warning",
                f"{machine}: PyTorch {report['version']} does not use it",
                "just env torch=auto; an NVIDIA driver too old for this build needs an update, or torch=cu126",
            )
        )
    elif machine.driver:
        checks.append(Check("accelerator", "ok", str(machine)))
    return checks


def _device(record: dict[str, Any]) -> Check:
    name = f"device {record['device']}"
    if "error" in record:
        return Check(name, "failed", record["error"], "check the driver (nvidia-smi), then: just env torch=auto")
    memory = f", {record['memory_bytes'] / 2**30:.0f} GiB" if record["memory_bytes"] else ""
    title = record["name"] + memory if record["name"] != record["device"] else "CPU"
    errors = record["product_error"], record["gradient_error"]
    detail = f"{title}: matrix product within {errors[0]:.0e}, gradients within {errors[1]:.0e} of the CPU's"
    if not all(error <= LARGEST_ERROR for error in errors):  # so that NaN fails
        return Check(name, "failed", detail, "this device computes wrongly: test its memory, or use device=cpu")
    return Check(name, "ok", detail)


def onnx_runtime(python: Path) -> Check:
    """ONNX Runtime loads a model and gives the right answer."""
    report, complaint = _probe(python, "onnxruntime_probe.py")
    if report is None:
        return Check("onnx runtime", "failed", complaint, "just env; where it stays broken, remove .venv first")
    detail = f"{report['version']}, {', '.join(report['providers'])}"
    if not report["right"]:
        return Check("onnx runtime", "failed", f"{detail}: a sum came out wrong", "remove .venv and run: just env")
    return Check("onnx runtime", "ok", detail)


def tool(name: str, command: list[str], advice: str) -> Check:
    """A program that must be there and run."""
    try:
        done = _run(command)
    except FileNotFoundError:
        return Check(name, "failed", f"{command[0]} was not found", advice)
    if done.returncode != 0:
        return Check(name, "failed", _last_line(done), advice)
    return Check(name, "ok", done.stdout.strip())


def git(root: Path) -> Check:
    """Git, which runs are traced with; a copy without a history (an image, an archive) can do without."""
    found = tool("git", ["git", "--version"], "install git (Debian: apt-get install git)")
    if found.status == "failed" and not (root / ".git").exists():
        return Check("git", "warning", "not here, and neither is a history", "runs will not name their commit")
    return found


def disk(root: Path) -> Check:
    """Free space where data, runs and bundles go."""
    free = shutil.disk_usage(root).free
    detail = f"{free / 2**30:.1f} GiB free"
    if free < _SMALL_DISK:
        return Check(
            "disk", "warning", detail, "make room: runs/, the uv cache (uv cache prune) and old images are large"
        )
    return Check("disk", "ok", detail)


def shared_memory() -> list[Check]:
    """Shared memory for data loader workers, on systems that show it as a folder."""
    folder = Path("/dev/shm")  # noqa: S108 - this is the very thing asked about
    if not folder.is_dir():
        return []
    size = shutil.disk_usage(folder).total
    detail = f"{size / 2**20:.0f} MiB in {folder}"
    if size < _SMALL_SHARED_MEMORY:
        return [Check("shared memory", "warning", detail, "in a container: --shm-size 1g, or train with workers=0")]
    return [Check("shared memory", "ok", detail)]


def _probe(python: Path, name: str) -> tuple[dict[str, Any] | None, str]:
    """What a probe printed, or None and why not: a missing package, a broken one, a crash."""
    if not python.exists():
        return None, f"{python} does not exist"
    done = _run([str(python), str(PROBES / name)])
    if done.returncode != 0:
        return None, _last_line(done)
    return json.loads(done.stdout), ""


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def _last_line(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode < 0 and sys.platform != "win32":
        return f"it was ended by signal {-done.returncode}"
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
