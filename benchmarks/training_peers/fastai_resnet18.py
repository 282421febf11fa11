"""fastai's recipe for training from scratch (J. Howard, S. Gugger: fastbook, chapter 7, its baseline), with resnet18.

Its augmentations, batches of 64, one cycle to 0.003; torchvision's resnet18 for its xresnet50, 32 pixels for its
224, and 2 epochs for its 5, so that it ends within minutes on two cores.
"""

from fastai.vision.all import (
    Callback,
    CategoryBlock,
    CrossEntropyLossFlat,
    DataBlock,
    ImageBlock,
    IndexSplitter,
    Learner,
    Normalize,
    Recorder,
    accuracy,
    aug_transforms,
    imagenet_stats,
)
from journal import Journal, read_images
from torchvision.models import resnet18

EPOCHS = 2
BATCH = 64
RATE = 3e-3


class Reporter(Callback):
    order = Recorder.order + 1

    def before_fit(self):
        self.journal = Journal()

    def after_epoch(self):
        self.journal.epoch(self.learn.recorder.values[-1][-1])


def main():
    splits = read_images()
    pictures = [pair for split in ("train", "val") for pair in zip(*splits[split], strict=True)]
    first = len(splits["train"][1])
    block = DataBlock(
        (ImageBlock, CategoryBlock(vocab=list(range(10)))),
        get_items=lambda source: range(len(source)),
        get_x=lambda index: pictures[index][0],
        get_y=lambda index: int(pictures[index][1]),
        splitter=IndexSplitter(range(first, len(pictures))),
        batch_tfms=[*aug_transforms(size=32, min_scale=0.75), Normalize.from_stats(*imagenet_stats)],
    )
    loaders = block.dataloaders(pictures, bs=BATCH, device="cpu")
    network = resnet18(num_classes=10)
    learner = Learner(loaders, network, loss_func=CrossEntropyLossFlat(), metrics=accuracy, cbs=Reporter())
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(EPOCHS, RATE)


if __name__ == "__main__":
    main()
