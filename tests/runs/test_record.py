from contextlib import closing

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kedja.runs.events import EventFile
from kedja.runs.record import Record, read_lines


def line(epoch: int) -> dict:
    return {"epoch": epoch, "step": 10 * epoch, "train_loss": 1 / epoch}


def test_lines_and_events_say_the_same_and_drop_what_the_checkpoint_does_not_know(tmp_path):
    with closing(EventFile(tmp_path)) as events:
        first = Record(tmp_path / "metrics.jsonl", [], events)
        for epoch in (1, 2, 3):
            first.add(line(epoch))
    with closing(EventFile(tmp_path)) as events:
        continued = Record(tmp_path / "metrics.jsonl", [line(1)], events)
        continued.add(line(2))
    assert read_lines(tmp_path / "metrics.jsonl") == [line(1), line(2)]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("train_loss")] == [(10, 1.0), (20, 0.5)]


def test_a_half_written_last_line_is_left_out(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert read_lines(tmp_path / "metrics.jsonl") == [{"epoch": 1}]
    assert read_lines(tmp_path / "nothing.jsonl") == []
