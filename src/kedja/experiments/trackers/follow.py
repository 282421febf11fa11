"""Feed one tracker from a run's folder until told to end: python -m kedja.experiments.trackers.follow <arguments>.

Standard input ends, or says so, when training does. Standard output gets what the tracker did not take; what the
tracker's client prints goes to `<tracker>.log` in the run's folder.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from kedja.common.errors import KedjaError
from kedja.experiments.trackers.feed import Feed
from kedja.experiments.trackers.live import LAST_SECONDS
from kedja.experiments.trackers.publish import first_line
from kedja.experiments.trackers.tracker import Settings
from kedja.runs.folder import METRICS, is_finished

LOOK_SECONDS = 0.5
# After a failure; a server that was restarted gets everything it missed.
RETRY_SECONDS = 30.0


def follow(feed: Feed, ended: threading.Event) -> None:
    """Send epochs as they come, and at the end the end.

    Raises:
        Exception: whatever kept the last attempt from sending everything.
    """
    pause = LOOK_SECONDS
    while not ended.wait(pause):
        pause = LOOK_SECONDS
        # Written when training is about to start, after the files that describe the run.
        if (feed.directory / METRICS).is_file():
            try:
                feed.send()
            except Exception as error:  # noqa: BLE001 - whatever a tracker's client raises, it is tried again
                print(first_line(error), file=sys.stderr, flush=True)
                pause = RETRY_SECONDS
    if is_finished(feed.directory):
        feed.finish()
    elif (feed.directory / METRICS).is_file():
        feed.interrupt()


def main() -> None:
    name, directory, runs, address, project = sys.argv[1:]
    feed = Feed(Path(directory), name, Settings(Path(runs), address, project))
    feed.directory.mkdir(parents=True, exist_ok=True)
    answer = _keep_output_apart(feed.directory / f"{name}.log")
    if hasattr(os, "nice"):
        os.nice(10)  # training comes first
    ended = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(ended,), daemon=True).start()
    try:
        follow(feed, ended)
    except KedjaError as error:
        os.write(answer, str(error).encode())
    except Exception as error:  # noqa: BLE001 - said by whoever started this, in one line
        os.write(answer, first_line(error).encode())


def _keep_output_apart(log: Path) -> int:
    """Send both outputs to the file `log`, also those of processes started from here; the first one's former self."""
    answer = os.dup(1)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(written, 1)
    os.dup2(written, 2)
    return answer


def _wait_for_the_end(ended: threading.Event) -> None:
    os.read(0, 1)
    ended.set()
    # Whoever started this does the same a little earlier, unless it was killed.
    time.sleep(LAST_SECONDS + 5)
    if os.name == "posix":
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
