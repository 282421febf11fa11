"""A data set in a few lines, for the terminal."""

from pathlib import Path

from kedja.bundle.inputs.registry import from_json
from kedja.data.prepared import read_description
from kedja.data.versions.folder_hash import facts_of, hash_folder

# A class with a tenth of the largest one's training images is where plain training begins to neglect it.
IMBALANCE = 10
# With fewer a class is hardly learnt, and its validation and test figures are those of one image or two.
FEW = 5


def summary(folder: Path) -> str:
    """Images, classes, splits, imbalance."""
    description = read_description(folder)
    counts = description["counts"]
    examples = from_json(description["kind"], description["input"])
    sizes = {split: sum(of_class.values()) for split, of_class in counts.items()}
    lines = [
        f"{folder}: {description['examples']:,} {examples.nouns} {examples.summary}, "
        f"{len(description['classes'])} classes"
        + (f", storage {description['storage']}" if "storage" in description else ""),
        "  " + ", ".join(f"{split} {size:,}" for split, size in sizes.items()),
    ]
    if description["rejected"]:
        lines.append(f"  {description['rejected']} {examples.nouns} left out: see rejected.csv")
    if ignored := facts_of(folder, hash_folder(folder).hash).get("ignored"):
        total = sum(number for number, _ in ignored.values())
        lines.append(f"  {total:,} ignored in the source: `just audit data={folder.name}` says why")
    return "\n".join([*lines, *imbalance(counts["train"], examples.nouns)])


def imbalance(training: dict[str, int], nouns: str = "images") -> list[str]:
    """What is worth knowing of the class counts of the training split; empty where they are even."""
    smallest, largest = min(training, key=training.__getitem__), max(training, key=training.__getitem__)
    lines = []
    empty = [name for name, count in training.items() if not count]
    if empty:
        lines.append(f"  without training {nouns}: {', '.join(empty[:8])}{' …' if len(empty) > 8 else ''}")
    elif training[largest] >= 2 * training[smallest]:
        ratio = training[largest] / training[smallest]
        line = f"  imbalanced: {largest} has {training[largest]:,} training {nouns}, {smallest} {training[smallest]:,}"
        lines.append(
            f"{line} ({ratio:.1f} to 1)"
            + ("; data.sampler=balanced or loss=balanced in training evens it" if ratio >= IMBALANCE else "")
        )
    few = {name: count for name, count in training.items() if 0 < count < FEW}
    if few:
        shown = ", ".join(f"{name} {count}" for name, count in list(few.items())[:8])
        lines.append(f"  fewer than {FEW} training {nouns}: {shown}{' …' if len(few) > 8 else ''}")
    return lines
