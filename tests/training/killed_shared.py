"""Started by torchrun with a network that is shared out: both processes kill themselves between two steps.

Arguments: the step after which they die (0: they live), then the run's overrides.
"""

import os
import signal
import sys

from kedja.training.config.compose import compose
from kedja.training.loop.train import train
from kedja.training.loop.trainer import Trainer

save, last = Trainer._save, int(sys.argv[1])


def save_some(self):
    if self.position.step == last + 1 and last:
        os.kill(os.getpid(), signal.SIGKILL)
    if self.position.step == last or not last:
        save(self)


Trainer._save = save_some
train(compose(sys.argv[2:]))
