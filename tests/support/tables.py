"""Tables of rows: a made one with every type of column, and the real ones that ship with scikit-learn."""

import csv
import random
from pathlib import Path

from kedja.data.prepared import PreparedDataset, load
from kedja.data.settings import Settings
from kedja.data.versions.obtain import obtain

WORK = ("clerk", "smith", "nurse")


def write_table(path: Path, count: int = 300) -> Path:
    """A CSV with numbers, categories, booleans, dates, texts, an identifier and missing cells, and a label to learn."""
    choose = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["nr", "age", "work", "member", "since", "note", "income", "label"])
        for number in range(count):
            age, work = choose.randint(18, 80), choose.choice(WORK)
            income = round(choose.gauss(30 + age / 2 + 8 * WORK.index(work), 6), 2)
            label = "high" if income > 62 else "low"
            note = f"the applicant number {number} said that all was well, and left at {choose.randint(8, 18)}"
            cells = [f"A{number:05d}", age, work, choose.choice(["yes", "no"]), f"2024-{1 + number % 12:02d}-15", note]
            if number % 17 == 3:
                cells[1 + number % 2] = "?"
            writer.writerow([*cells, income, label])
    return path


def write_sklearn(name: str, path: Path) -> Path:
    """``iris``, ``wine`` or ``breast_cancer`` as a CSV with a header; the label is the column ``class``."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*found.feature_names, "class"])
        writer.writerows(
            [*map(repr, map(float, row)), found.target_names[y]]
            for row, y in zip(found.data, found.target, strict=True)
        )
    return path


def dataset(folder: Path, table: Path, name: str = "rows", **settings: object) -> PreparedDataset:
    """`table` prepared in `folder`."""
    folder.mkdir(exist_ok=True, parents=True)
    return load(obtain(name, folder, Settings(source=str(table), jobs=1, **settings)))  # type: ignore[arg-type]
