"""PyTorch's tutorial "Training a Classifier" (PyTorch tutorials, Deep Learning with PyTorch: a 60 minute blitz).

Its network (two 5×5 convolutions of 6 and 16 channels, three linear layers), pixels scaled to -1…1, batches of 4, two
workers, SGD at 0.001 with momentum 0.9, two epochs: nothing is changed.
"""

import torch
from journal import Journal, read_images
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

EPOCHS = 2
BATCH = 4


class Pictures(Dataset):
    """As torchvision's CIFAR10 does it: an image at a time, by way of Pillow."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
        )

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def network():
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def main():
    data = {split: Pictures(*arrays) for split, arrays in read_images().items()}
    training = DataLoader(data["train"], batch_size=BATCH, shuffle=True, num_workers=2)
    validation = DataLoader(data["val"], batch_size=BATCH, num_workers=2)
    model = network()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    journal = Journal()
    for _ in range(EPOCHS):
        for images, labels in training:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()
        journal.epoch(accuracy(model, validation))


def accuracy(model, batches):
    correct = 0
    with torch.no_grad():
        for images, labels in batches:
            correct += int((model(images).argmax(1) == labels).sum())
    return correct / len(batches.dataset)


if __name__ == "__main__":
    main()
