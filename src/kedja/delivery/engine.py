"""Docker, Podman or Buildah, whichever is there."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kedja.common.errors import KedjaError

Program = Literal["docker", "podman", "buildah"]
ORDER: tuple[Program, ...] = ("docker", "podman", "buildah")

# How a service that needs nothing runs: nothing to write but a little memory (several workers count their metrics
# there), no privilege, and no way to take the machine down.
HARDENED = (
    *("--read-only", "--tmpfs", "/tmp:size=16m"),  # noqa: S108 - inside the container
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)


@dataclass(frozen=True)
class Engine:
    """A container engine that answers on this machine."""

    program: Program

    def build(
        self, context: Path, tag: str, target: str, arguments: Mapping[str, str], timestamp: int, *, cache: bool = True
    ) -> None:
        """Build one target of the `Dockerfile` in `context`.

        Args:
            arguments: build arguments.
            timestamp: seconds since 1970 that every file and the image get, so that two builds are the same bytes.
            cache: whether layers of earlier builds may be used.
        """
        command = [*self._build_command(timestamp), "--target", target, "--tag", tag]
        command += [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        command += [] if cache else ["--no-cache"]
        if subprocess.run([*command, str(context)], check=False).returncode != 0:
            raise KedjaError(f"{self.program} could not build the image (its message is above)")

    def _build_command(self, timestamp: int) -> list[str]:
        if self.program == "docker":
            # BuildKit sets the times of files only while it exports, and takes the moment from this argument.
            return [
                *("docker", "buildx", "build", "--build-arg", f"SOURCE_DATE_EPOCH={timestamp}"),
                *("--provenance=false", "--output", "type=docker,rewrite-timestamp=true"),
            ]
        build = ["podman", "build"] if self.program == "podman" else ["buildah", "build"]
        # Docker's format keeps HEALTHCHECK, which the OCI format has no field for.
        return [*build, "--layers", "--format", "docker", "--pull=missing", "--timestamp", str(timestamp)]

    def size(self, image: str) -> int:
        """Bytes of all layers of a local image, unpacked."""
        if self.program == "buildah":
            raise KedjaError("buildah cannot tell an image's size", "install podman, which shares its storage")
        return int(self._inspect(image, "{{.Size}}"))

    def layers(self, image: str) -> list[str]:
        """The digests of an image's layers, the lowest first."""
        if self.program == "buildah":
            return list(json.loads(self.ask(["inspect", "--format", "{{json .OCIv1.RootFS.DiffIDs}}", image])))
        return list(json.loads(self._inspect(image, "{{json .RootFS.Layers}}")))

    def _inspect(self, image: str, form: str) -> str:
        return self.ask(["image", "inspect", "--format", form, image]).strip()

    def ask(self, arguments: Sequence[str]) -> str:
        """What the engine prints.

        Raises:
            KedjaError: with the engine's own last line.
        """
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            complaint = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise KedjaError(f"{self.program} {arguments[0]}: {complaint}")
        return done.stdout


def find(request: str = "auto") -> Engine:
    """The engine asked for, or the first that answers.

    Raises:
        KedjaError: none is there, or the one asked for does not answer.
    """
    for program in ORDER:
        if request in ("auto", program) and _answers(program):
            return Engine(program)
    if request == "auto":
        raise KedjaError(
            "no container engine answers here", "install docker, or podman (Debian: apt-get install podman)"
        )
    raise KedjaError(f"{request} does not answer here", f"start it, or leave engine={request} out")


def _answers(program: Program) -> bool:
    # `docker version` fails where the client is installed and no daemon runs.
    question = [program, "--version"] if program == "buildah" else [program, "version"]
    try:
        return subprocess.run(question, capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
