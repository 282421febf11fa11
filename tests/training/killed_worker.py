"""Started by torchrun: the second process kills itself in the first attempt, soon after a checkpoint."""

import os
import signal
import sys

from kedja.training.config.compose import compose
from kedja.training.loop.train import train
from kedja.training.loop.trainer import Trainer

save, KILLED_AT = Trainer._save, 27


def save_some(self):
    if self.position.step in {25, 40}:
        save(self)
    first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if first_attempt and os.environ["RANK"] == "1" and self.position.step == KILLED_AT:
        os.kill(os.getpid(), signal.SIGKILL)


Trainer._save = save_some
train(compose(sys.argv[1:]))
