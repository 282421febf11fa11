"""What averaging over an image and its mirror image at test time would add; no other figure of Kedja contains it.

python benchmarks/mirror_average.py run=runs/cifar10-speed-…/seed0
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from kedja import cli
from kedja.runs.folder import BEST, CONFIG
from kedja.runs.scores import score
from kedja.training.batches.dataset import ImageDataset
from kedja.training.batches.loader import evaluation_loader
from kedja.training.config.compose import from_json
from kedja.training.config.run_folder import load_data
from kedja.training.loop.checkpoint import load_weights
from kedja.training.models.registry import build


@dataclass
class Options:
    """Accuracy on the validation images as it is, and averaged over each image and its mirror image."""

    run: Path = cli.required("folder of a finished run: runs/cifar10-speed-…/seed0")
    split: str = cli.option("val", "val or test")


@torch.inference_mode()
def main(options: Options) -> None:
    config = from_json(options.run / CONFIG)
    data = load_data(config)
    classifier = build(config.model, len(data.classes), data.spec, data.mean, data.std)
    classifier.load_state_dict(load_weights(options.run / BEST))
    classifier.eval()
    dataset = ImageDataset(data, options.split)
    batches = [batch.images for batch in evaluation_loader(dataset)]
    plain = torch.cat([classifier(images) for images in batches])
    # Images are (N, height, width, channels).
    mirrored = torch.cat([classifier(images.flip(2)) for images in batches])
    for name, logits in (("as it is", plain), ("averaged with the mirror image", (plain + mirrored) / 2)):
        print(f"{name}: {score(logits.numpy(), dataset.labels.numpy())['accuracy']:.2%} of {len(logits):,} images")


if __name__ == "__main__":
    cli.run(main, Options)
