import pytest

from kedja.common.errors import KedjaError
from kedja.data.preparation.originals import Originals, OriginalsWriter


@pytest.fixture
def folder(tmp_path):
    with OriginalsWriter(tmp_path) as writer:
        for data in (b"one", b"", b"three"):
            writer.append(data, ".png")
    return tmp_path


def test_what_was_written_is_read(folder):
    originals = Originals(folder)
    assert [originals.read(position) for position in range(len(originals))] == [b"one", b"", b"three"]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array"])
def test_a_torn_table_is_one_clear_error(folder, content):
    (folder / "originals" / "offsets.npy").write_bytes(content)
    with pytest.raises(KedjaError, match=r"offsets\.npy is damaged"):
        Originals(folder)
