"""A small table of texts that any model can learn, and the data set that is made of it."""

import csv
import random
from pathlib import Path

from kedja.data.prepared import PreparedDataset, load
from kedja.data.settings import Settings
from kedja.data.versions.obtain import obtain

_WORDS = {
    "card": ["my card", "a new card", "the cards", "CARD number", "karta påse"],
    "money": ["send money", "the transfer", "a payment", "my salary", "argent déjà"],
    "travel": ["fly abroad", "a hotel", "the train", "travelling", "поездка 🚆"],
}
_FRAMES = ["please tell me about {}", "I have a question: {}?", "{} does not work", "why was {} refused", "help, {}!"]


def write_table(path: Path, count: int = 240) -> Path:
    """A CSV with quotes, newlines and signs of several scripts; every third text is longer."""
    choose = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        for number in range(count):
            label = sorted(_WORDS)[number % len(_WORDS)]
            text = choose.choice(_FRAMES).format(choose.choice(_WORDS[label]))
            writer.writerow([f'{text}, "number {number}"' + "\nand so on and so forth" * (number % 3), label])
    return path


def dataset(folder: Path, **settings: object) -> PreparedDataset:
    """`write_table` prepared in `folder`."""
    folder.mkdir(exist_ok=True)
    table = write_table(folder / "table.csv")
    return load(obtain("texts", folder, Settings(source=str(table), jobs=1, **settings)))  # type: ignore[arg-type]
