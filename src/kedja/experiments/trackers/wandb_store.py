"""Weights & Biases: offline folders under `runs/wandb/` unless WANDB_API_KEY is set (`wandb sync` sends them later)."""

import os
from typing import TYPE_CHECKING

from kedja.experiments.runs import Run
from kedja.experiments.trackers.publish import artifacts, final_figures, parameters

if TYPE_CHECKING:
    from kedja.experiments.trackers.publish import Settings


def publish(run: Run, settings: "Settings") -> str:
    """Configuration, every epoch's metrics, summary and files; returns the identity of the W&B run."""
    import wandb

    online = bool(os.environ.get("WANDB_API_KEY"))
    opened = wandb.init(
        project=settings.project_of(run),
        name=f"{run.experiment} seed {run.seed}",
        group=f"{run.experiment}-{run.config_hash}",
        config=parameters(run),
        dir=str(settings.runs),
        mode="online" if online else "offline",
        settings=wandb.Settings(
            silent=True, console="off", **({"base_url": settings.address} if settings.address else {})
        ),
        reinit="finish_previous",
    )
    for line in run.metrics():
        opened.log({key: value for key, value in line.items() if key != "epoch"}, step=int(line["epoch"]))
    opened.summary.update(final_figures(run))
    files = wandb.Artifact(f"{run.experiment}-{run.config_hash}-seed{run.seed}", type="run")
    for path in artifacts(run):
        files.add_file(str(path))
    opened.log_artifact(files)
    opened.finish()
    return str(opened.id)
