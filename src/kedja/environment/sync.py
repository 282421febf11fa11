"""Bring `.venv` to what the lock says, for this machine's hardware."""

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kedja.common import files
from kedja.common.errors import KedjaError
from kedja.environment import hardware, lock, mirrors, stamp, torch_build
from kedja.environment.stamp import Stamp

_PROBE_SECONDS = 8  # for one small request; a mirror that takes longer is no help
_REMEMBERED_SECONDS = 24 * 3600

Say = Callable[[str, str], None]


def current(root: Path, groups: list[str] | None, torch: str | None) -> tuple[Stamp, bool]:
    """What is asked for, where None means "as last time", and whether `.venv` is that already."""
    last = stamp.read(root)
    groups = groups or (last.groups if last else ["dev"])
    torch = torch_build.check(torch or (last.torch if last else "auto"))
    python = os.environ.get("UV_PYTHON") or (last.python if last else "")
    wanted = Stamp("installing", stamp.key(root, groups, torch, python), groups, torch, python)
    done = last is not None and last.state == "ready" and last.key == wanted.key and stamp.interpreter(root).exists()
    return (last if done and last else wanted), done


def install(root: Path, wanted: Stamp, say: Say) -> Stamp:
    """Install `wanted` with hashes checked and return the finished stamp.

    An installation that was interrupted is thrown away and made anew: its packages may be half there.

    Raises:
        KedjaError: a group that does not exist, no Python, or whatever uv could not do.
    """
    requirements = lock.requirements(root, [*wanted.groups, "build"])
    environment = mirrors.uv_environment()
    choice = _choose_torch(root, wanted.torch, requirements, environment, say)
    _make_venv(root, wanted.python, say)
    stamp.write(root, wanted)
    say("packages", f"{len(requirements)} locked for groups {', '.join(wanted.groups)}; hashes are checked")
    try:
        _install_packages(root, requirements, choice.build, environment)
    except KedjaError:
        if wanted.torch != "auto" or choice.build == "locked":
            raise
        say("pytorch", "that build could not be installed; taking the locked one")
        choice = torch_build.Choice("locked", "the chosen build could not be installed")
        _install_packages(root, requirements, choice.build, environment)
    # Editable, last, and built by the locked hatchling: nothing is fetched unhashed.
    lock.run_uv(
        ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", ".venv", "--editable", "."],
        root,
        environment=environment,
    )
    finished = dataclasses.replace(wanted, state="ready", build=choice.build, versions=stamp.installed(root))
    stamp.write(root, finished)
    return finished


def _choose_torch(
    root: Path, request: str, requirements: list[str], environment: dict[str, str], say: Say
) -> torch_build.Choice:
    version = lock.version_of(requirements, "torch")
    if version is None:
        return torch_build.Choice("locked", "these groups have no PyTorch")
    machine = hardware.detect()
    say("hardware", str(machine))
    toolkit = lock.version_of(requirements, "cuda-toolkit") or lock.version_of(requirements, "nvidia-cuda-runtime")
    cuda = int(toolkit.split(".")[0]) if toolkit else None
    choice = torch_build.choose(request, machine, cuda, lambda: _index_answers(root, version, environment))
    if request not in ("auto", "locked") and not _offers(root, version, request, environment):
        raise KedjaError(
            f"build {request} of PyTorch {version} is not to be had: its own index has none, or cannot be reached",
            "torch=locked takes the build in the lock, which runs on every machine",
        )
    say("pytorch", f"{version}, build {choice.build}: {choice.why}")
    return choice


def _index_answers(root: Path, version: str, environment: dict[str, str]) -> bool:
    """Whether PyTorch's own index can be reached; asked once a day."""
    memory = root / ".tools" / "torch-index.json"
    try:
        known = files.read_json(memory)
        if 0 <= time.time() - known["asked"] < _REMEMBERED_SECONDS:
            return bool(known["answers"])
    except (KedjaError, KeyError, TypeError):
        pass
    answers = _offers(root, version, "cpu", environment)
    files.write_json(memory, {"asked": time.time(), "answers": answers})
    return answers


def _offers(root: Path, version: str, build: str, environment: dict[str, str]) -> bool:
    """Whether uv gets an answer for this build of PyTorch from its own index, within seconds."""
    limits = {"UV_HTTP_TIMEOUT": "4", "UV_HTTP_CONNECT_TIMEOUT": "4", "UV_HTTP_RETRIES": "0"}
    try:
        done = subprocess.run(
            ["uv", "pip", "compile", "--quiet", "--no-deps", "--torch-backend", build, "-"],
            cwd=root,
            input=f"torch=={version}\n",
            env=environment | limits,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "torch==" in done.stdout


def _make_venv(root: Path, asked: str, say: Say) -> None:
    """A `.venv` with the wanted Python; kept where it is sound, made anew where it is not."""
    last = stamp.read(root)
    interrupted = last is not None and last.state != "ready"
    request = asked or (root / ".python-version").read_text(encoding="utf-8").strip()
    wanted = _find_python(root, request)
    if wanted is None and not asked:
        wanted = _find_python(root, ">=3.11")
    have = _version(stamp.interpreter(root))
    if have and wanted and have == _version(wanted) and not interrupted:
        return
    if interrupted:
        say("python", "the last installation was interrupted; starting from an empty environment")
    # A Python that this machine does not have is fetched by uv, where its user allows that.
    python = str(wanted) if wanted else request
    lock.run_uv(["venv", "--quiet", "--clear", "--no-project", "--python", python, ".venv"], root)
    say("python", f"{_version(stamp.interpreter(root))} in .venv, from {python}")


def _find_python(root: Path, request: str) -> Path | None:
    command = ["uv", "python", "find", "--no-python-downloads", "--no-project", "--system", request]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def _version(python: Path) -> str | None:
    """What an interpreter says of itself, None where it does not run."""
    command = [str(python), "-c", "import platform; print(platform.python_version())"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _install_packages(root: Path, requirements: list[str], build: str, environment: dict[str, str]) -> None:
    """`uv pip sync` of what is locked; another build of PyTorch comes from its own index, with its libraries."""
    apart = [] if build == "locked" else [r for r in requirements if _is_accelerator(r)]
    locked = [r for r in requirements if r not in apart]
    # On a terminal uv shows its progress; elsewhere its list of packages would bury what is said here.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    with tempfile.TemporaryDirectory(prefix="kedja-env-") as folder:
        listed = Path(folder) / "locked.txt"
        listed.write_text("\n".join(locked) + "\n", encoding="utf-8")
        lock.run_uv(
            ["pip", "sync", *quiet, "--require-hashes", "--python", ".venv", str(listed)], root, environment=environment
        )
        pins = [f"{name}=={v}" for name in ("torch", "torchvision") if (v := lock.version_of(apart, name))]
        if pins:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("\n".join(r.split(" --hash")[0] for r in locked) + "\n", encoding="utf-8")
            backend = ["--torch-backend", build, "--constraint", str(constraints)]
            lock.run_uv(["pip", "install", *quiet, "--python", ".venv", *backend, *pins], root, environment=environment)


def _is_accelerator(requirement: str) -> bool:
    return torch_build.ACCELERATOR_PACKAGES.fullmatch(lock.name_of(requirement)) is not None
