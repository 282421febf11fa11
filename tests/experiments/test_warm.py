"""Runs forked from a warm process behave as processes started anew do."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kedja.experiments import warm
from kedja.experiments.pool import Start, Task, last_lines, run_all, stop
from tests.experiments.test_pool import Recorder, gone, wait_for
