"""A worker of a study as a process of its own: `python tune_worker.py <storage> <study> <trials> <objectives>`.

`KEDJA_NO_PRUNING=1` lets every trial run to its end.
"""

import os
import sys
from pathlib import Path

import optuna

from kedja.experiments.launch import warm
from kedja.experiments.tuning import study
from kedja.experiments.tuning import worker as tune
from kedja.experiments.tuning.search_space import Dimension

storage, name, trials, objectives = sys.argv[1:]
study.HEARTBEAT_SECONDS = 1
warm.LOADED = ()  # type: ignore[assignment]
wanted = objectives.split(",")
halving = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
pruner = optuna.pruners.NopPruner() if os.environ.get("KEDJA_NO_PRUNING") else halving
directions = [tune.DIRECTIONS[one] for one in wanted]
shared = study.open_study(name, storage, directions, pruner=pruner, seed=0, grace=8)
plan = tune.Plan(
    overrides=["experiment=debug", "epochs=9"],
    space=[Dimension("optim.lr", 0.001, 0.8, log=True)],
    objectives=wanted,
    trials=int(trials),
    minutes=None,
    jobs=2,
    folder=Path("runs/tune") / name,
    train=os.environ.get("KEDJA_TRAIN", "support.stand_in_train"),
)
tune.work(shared, plan, lambda line: print(line, flush=True))
