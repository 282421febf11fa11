import subprocess
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kedja.runs.events import EventFile, crc32c


def test_the_checksum_is_castagnolis():
    """The check value of the catalogue of parametrised CRC algorithms; all ones from RFC 3720, appendix B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"\xff" * 32) == 0x62A8AB43


def test_tensorboard_reads_every_point_while_the_file_is_still_open(tmp_path):
    events = EventFile(tmp_path)
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    events.add(10, {"loss": 0.5, "gradient/head": 2.0})
    read.Reload()
    events.add(20, {"loss": 0.25})
    read.Reload()
    events.close()
    assert [(e.step, e.value) for e in read.Scalars("loss")] == [(10, 0.5), (20, 0.25)]
    assert [(e.step, e.value) for e in read.Scalars("gradient/head")] == [(10, 2.0)]


def test_a_new_file_takes_the_place_of_the_old(tmp_path):
    for value in (1.0, 2.0):
        events = EventFile(tmp_path)
        events.add(1, {"loss": value})
        events.close()
    read = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [e.value for e in read.Scalars("loss")] == [2.0]


def test_writing_loads_no_more_of_tensorboard_than_its_messages(tmp_path):
    code = (
        "import sys; from pathlib import Path; from kedja.runs.events import EventFile; "
        f"EventFile(Path({str(tmp_path)!r})).add(1, {{'loss': 1.0}}); "
        "print([m for m in ('tensorboard.summary', 'tensorboard.compat.tensorflow_stub', 'boto3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
