import pickle

import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.training.loop.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights


def test_one_flipped_bit_is_found_wherever_it_is(tmp_path):
    save_checkpoint(tmp_path / "a", {"x": torch.arange(300.0), "n": [1, 2.5, "three"]})
    whole = (tmp_path / "a").read_bytes()
    for position in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        (tmp_path / "a").write_bytes(damaged)
        with pytest.raises(KedjaError, match=r"a is damaged|a cannot be read"):
            load_checkpoint(tmp_path / "a")


def test_a_checkpoint_of_an_earlier_release_is_read(tmp_path):
    torch.save({"x": torch.ones(2)}, tmp_path / "a")
    assert torch.equal(load_checkpoint(tmp_path / "a")["x"], torch.ones(2))


class Payload:
    def __reduce__(self):
        return (print, ("code was run",))


def test_state_comes_back(tmp_path):
    save_checkpoint(tmp_path / "a", {"x": torch.ones(2), "n": [1, 2.5, "three", None]})
    state = load_checkpoint(tmp_path / "a")
    assert torch.equal(state["x"], torch.ones(2))
    assert state["n"] == [1, 2.5, "three", None]


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, capsys):
    (tmp_path / "a").write_bytes(pickle.dumps(Payload()))
    torch.save({"x": Payload()}, tmp_path / "b")
    for name in "ab":
        with pytest.raises(KedjaError, match="cannot be read"):
            load_checkpoint(tmp_path / name)
    assert "code was run" not in capsys.readouterr().out


def test_weights_come_back_to_the_bit(tmp_path):
    weights = {"w": torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last), "n": torch.tensor(3)}
    save_weights(tmp_path / "w", weights)
    loaded = load_weights(tmp_path / "w")
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\xff" * 64])
def test_damaged_weights_are_named(tmp_path, content):
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(KedjaError, match="w is damaged"):
        load_weights(tmp_path / "w")
    with pytest.raises(KedjaError, match="does not exist"):
        load_weights(tmp_path / "missing")
