import json
from contextlib import closing

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kedja.training.events import EventFile
from kedja.training.metrics import MetricsLog


def line(epoch: int) -> dict:
    return {"epoch": epoch, "step": 10 * epoch, "train_loss": 1 / epoch}


def test_lines_and_events_say_the_same_and_drop_what_the_checkpoint_does_not_know(tmp_path):
    with closing(EventFile(tmp_path)) as events:
        first = MetricsLog(tmp_path, [], events)
        for epoch in (1, 2, 3):
            first.add(line(epoch))
    with closing(EventFile(tmp_path)) as events:
        continued = MetricsLog(tmp_path, [line(1)], events)
        continued.add(line(2))
    written = [json.loads(text) for text in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert written == [line(1), line(2)]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("train_loss")] == [(10, 1.0), (20, 0.5)]
