"""TensorBoard's event files, for writing numbers.

TensorBoard's own writer loads all of its plugins and S3's client, 0.15 s a run, and shows a point minutes later; its
message classes alone cost 0.02 s. What is left to do is the framing of the records (TFRecord: "TFRecord and
tf.train.Example", tensorflow.org/tutorials/load_data/tfrecord) with its checksum (CRC-32C, RFC 3720, appendix B.4).
"""

import os
import shutil
import struct
import time
from collections.abc import Mapping
from pathlib import Path

TENSORBOARD = "tensorboard"


class EventFile:
    """A new event file in `<run>/tensorboard/`, in place of any that was there; each record is on the disk at once."""

    def __init__(self, run: Path) -> None:
        folder = run / TENSORBOARD
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        now = time.time()
        # TensorBoard takes files with this in their names.
        self._file = (folder / f"events.out.tfevents.{int(now)}.{os.getpid()}").open("wb", buffering=0)
        self._write(wall_time=now, file_version="brain.Event:2")

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve; a `/` in a name groups them in TensorBoard."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        points = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(wall_time=time.time(), step=step, summary=Summary(value=points))

    def close(self) -> None:
        """Free the file."""
        self._file.close()

    def _write(self, **fields: object) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._file.write(framed(Event(**fields).SerializeToString()))


def framed(record: bytes) -> bytes:
    """Length, its checksum, the record, its checksum; all numbers little-endian."""
    length = struct.pack("<Q", len(record))
    return length + _masked_crc(length) + record + _masked_crc(record)


def _masked_crc(data: bytes) -> bytes:
    """TFRecord rotates and shifts the checksum, so that files of checksums have other checksums."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """The CRC-32 with Castagnoli's polynomial, of 32 bits."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_table_entry(byte) for byte in range(256)]
