"""One run to one tracker: whatever the run's folder has and the tracker lacks."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kedja.common.files import read_json, write_json
from kedja.experiments.trackers import tracker
from kedja.experiments.trackers.tracker import Settings, Tracker
from kedja.runs.read import read_metrics, read_run

LOCAL = "local"


@dataclass
class Sent:
    """What a tracker has of a run: its name for it, the epochs, and whether the end too."""

    identity: str
    epochs: int = 0
    finished: bool = False


class Feed:
    """Sends what is new at every call; what went out stands in the run's `tracked-<name>.json`, so nothing goes twice.

    All methods raise whatever the tracker's client does where it cannot be reached; the next call begins there.
    """

    def __init__(self, directory: Path, name: str, settings: Settings) -> None:
        self.directory, self.name, self.settings = directory, name, settings
        self._record = directory / f"tracked-{name}.json"
        known = self._known().get(self._place)
        self.sent = Sent(**known) if known else None
        self._tracker: Tracker | None = None

    def send(self) -> None:
        """The epochs that are new."""
        opened, sent = self._open()
        lines = [line for line in read_metrics(self.directory) if line["epoch"] > sent.epochs]
        if lines:
            opened.epochs(lines)
            self._remember(epochs=lines[-1]["epoch"])

    def finish(self) -> None:
        """All that is missing of a finished run."""
        self.send()
        opened, _ = self._open()
        opened.finish(read_run(self.directory))
        self._remember(finished=True)

    def interrupt(self) -> None:
        """All that is there of a run that stopped before its end."""
        self.send()
        opened, _ = self._open()
        opened.interrupt()

    def _open(self) -> tuple[Tracker, Sent]:
        if self._tracker is None or self.sent is None:
            begun = tracker.read_begun(self.directory)
            identity = self.sent.identity if self.sent else None
            self._tracker = tracker.start(self.name, begun, self.settings, identity)
            if self.sent is None or self.sent.identity != self._tracker.identity:
                self.sent = Sent(self._tracker.identity)
            self._remember()
        return self._tracker, self.sent

    def _remember(self, **changes: int) -> None:
        assert self.sent
        vars(self.sent).update(changes)
        write_json(self._record, self._known() | {self._place: asdict(self.sent)})

    @property
    def _place(self) -> str:
        return self.settings.address or LOCAL

    def _known(self) -> dict[str, dict[str, Any]]:
        known: dict[str, dict[str, Any]] = read_json(self._record) if self._record.is_file() else {}
        return known
