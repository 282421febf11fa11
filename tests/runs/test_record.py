from contextlib import closing

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kedja.runs.events import EventFile
from kedja.runs.record import Record, read_lines, tag


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
    assert [(e.step, e.value) for e in events.Scalars("1 loss/training")] == [(10, 1.0), (20, 0.5)]


def test_a_half_written_last_line_is_left_out(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert read_lines(tmp_path / "metrics.jsonl") == [{"epoch": 1}]
    assert read_lines(tmp_path / "nothing.jsonl") == []


def test_tensorboard_shows_loss_and_accuracy_first_and_the_diagnosis_last():
    names = ["update ratio/head", "learning_rate", "val_accuracy", "train_loss", "gradient norm/stem", "val_loss"]
    shown = sorted(map(tag, names))
    assert shown == [
        "1 loss/training",
        "1 loss/validation",
        "2 accuracy/validation",
        "3 course/learning rate",
        "4 diagnosis: gradient norm/stem",
        "4 diagnosis: update ratio/head",
    ]
