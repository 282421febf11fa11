import numpy as np
import onnx
import pytest

from kedja.baselines.texts.minilm import Sentences, encoder_graph, open_vectors
from kedja.common.errors import KedjaError
from support import texts


@pytest.fixture(scope="module")
def sentences():
    return Sentences()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return texts.dataset(tmp_path_factory.mktemp("data"), length=64)


def vectors(sentences, dataset, *written):
    return sentences.features(dataset.input.collate([dataset.input.decode(one.encode()) for one in written]))


def test_it_is_the_published_encoder(sentences, dataset):
    """Cosines that the model's own library gives: near for a paraphrase, far for another matter."""
    found = vectors(sentences, dataset, "That is a happy person", "That is a very happy person", "Today is a sunny day")
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert (found @ found.T)[0] == pytest.approx([1, 0.943, 0.257], abs=2e-3)


def test_padding_does_not_show_here_nor_in_the_graph(sentences, dataset, tmp_path):
    import onnxruntime

    onnx.save(encoder_graph(sentences._encoder), tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    written = ["a", "a b", "one two three four five", "word " * 62]
    examples = [dataset.input.decode(one.encode()) for one in written]
    together = dataset.input.collate(examples)
    assert together["input_ids"].shape == (4, 64)
    expected = np.concatenate([sentences.features(dataset.input.collate([one])) for one in examples])
    np.testing.assert_allclose(sentences.features(together), expected, atol=2e-6)
    np.testing.assert_allclose(session.run(["x"], together)[0], expected, atol=2e-6)
    for row, one in enumerate(examples):
        np.testing.assert_allclose(session.run(["x"], dataset.input.collate([one]))[0][0], expected[row], atol=2e-6)


def test_vectors_are_kept_and_found_again(sentences, dataset, monkeypatch):
    positions = np.array([5, 3, 100])
    first = sentences.examples(dataset, positions)
    monkeypatch.setattr(Sentences, "features", lambda self, feed: pytest.fail("it was asked again"))
    np.testing.assert_array_equal(sentences.examples(dataset, positions[::-1]), first[::-1])
    (path,) = (dataset.folder.parent / ".vectors").glob("*.npy")
    assert int((~np.isnan(open_vectors(path, len(dataset))[:, 0])).sum()) == 3


def test_texts_of_another_tokenizer_are_refused(sentences, tmp_path):
    from kedja.data.kinds.text.choose import open_tokenizer

    (tmp_path / "tokenizer.json").write_bytes(open_tokenizer("minilm").content + b" ")
    data = texts.dataset(tmp_path / "data", tokenizer=str(tmp_path))
    with pytest.raises(KedjaError, match="another tokenizer than the sentence encoder"):
        sentences.examples(data, np.array([0]))
