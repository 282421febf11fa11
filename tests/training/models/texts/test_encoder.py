import numpy as np
import pytest
import torch

from kedja.common.errors import KedjaError
from kedja.training.config.schema import ModelConfig
from kedja.training.models.registry import build_for
from kedja.training.models.texts.encoder import encoder_weights
from support import texts


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return texts.dataset(tmp_path_factory.mktemp("data"), length=64)


@pytest.fixture(scope="module")
def encoder(dataset):
    body = build_for(ModelConfig("minilm"), dataset.input, dataset.facts).eval().body
    missing, unused = body.load_state_dict(encoder_weights()[0], strict=False)
    assert (missing, unused) == (["head.weight", "head.bias"], [])
    return body.encoder


@torch.inference_mode()
def vectors(encoder, dataset, *written):
    feed = dataset.input.collate([dataset.input.decode(one.encode()) for one in written])
    return encoder(*map(torch.from_numpy, feed.values())).numpy()


def test_it_is_the_published_encoder(encoder, dataset):
    """Cosines that the model's own library gives: near for a paraphrase, far for another matter."""
    found = vectors(encoder, dataset, "That is a happy person", "That is a very happy person", "Today is a sunny day")
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert (found @ found.T)[0] == pytest.approx([1, 0.943, 0.257], abs=2e-3)


def test_padding_does_not_show(encoder, dataset):
    written = ["a", "a b", "one two three four five", "word " * 62]
    together = vectors(encoder, dataset, *written)
    for row, one in enumerate(written):
        np.testing.assert_allclose(vectors(encoder, dataset, one)[0], together[row], atol=2e-6)


def test_texts_of_another_tokenizer_or_too_many_tokens_are_refused(tmp_path):
    from kedja.data.kinds.text.choose import open_tokenizer

    (tmp_path / "tokenizer.json").write_bytes(open_tokenizer("minilm").content + b" ")
    data = texts.dataset(tmp_path / "data", tokenizer=str(tmp_path))
    with pytest.raises(KedjaError, match="another tokenizer than model=minilm"):
        build_for(ModelConfig("minilm"), data.input, data.facts)
    long = texts.dataset(tmp_path / "long", length=600)
    with pytest.raises(KedjaError, match="reads 512 tokens, not 600"):
        build_for(ModelConfig("minilm"), long.input, long.facts)
    with pytest.raises(KedjaError, match="cnn takes no texts"):
        build_for(ModelConfig("cnn"), data.input, data.facts)
