"""Weights & Biases: offline folders under `runs/wandb/` unless WANDB_API_KEY is set (`wandb sync` sends them later)."""

import os
import secrets
from collections.abc import Sequence
from typing import Any

from kedja.experiments.trackers.tracker import Settings, artifacts, final_figures, settings_of, title
from kedja.runs.read import Begun, Run

CONNECT_SECONDS = 30.0


def start(run: Begun, settings: Settings, identity: str | None) -> "WandbRun":
    """Create the run with its configuration, or continue the one that has `identity`."""
    import wandb

    online = bool(os.environ.get("WANDB_API_KEY"))
    details = wandb.Settings(silent=True, console="off", init_timeout=CONNECT_SECONDS)
    if settings.address:
        details.base_url = settings.address
    opened = wandb.init(
        id=identity or secrets.token_hex(8),
        resume="allow" if online else None,  # offline, `wandb sync` puts parts with the same identity together
        project=settings.project_of(run),
        name=title(run),
        group=f"{run.experiment}-{run.config_hash}",
        config=settings_of(run),
        dir=str(settings.runs),
        mode="online" if online else "offline",
        settings=details,
        reinit="finish_previous",
    )
    return WandbRun(opened)


class WandbRun:
    """A run at Weights & Biases."""

    def __init__(self, opened: Any) -> None:
        self._run, self.identity = opened, str(opened.id)

    def epochs(self, lines: Sequence[dict[str, Any]]) -> None:
        for line in lines:
            self._run.log({key: value for key, value in line.items() if key != "epoch"}, step=int(line["epoch"]))

    def finish(self, run: Run) -> None:
        import wandb

        self._run.summary.update(final_figures(run))
        files = wandb.Artifact(f"{run.experiment}-{run.config_hash}-seed{run.seed}", type="run")
        for path in artifacts(run):
            files.add_file(str(path))
        self._run.log_artifact(files)
        self._run.finish()

    def interrupt(self) -> None:
        self._run.finish(exit_code=1)
