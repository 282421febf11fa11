"""The embedded default: 1,797 real scans of handwritten digits that ship inside scikit-learn.

E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998),
https://doi.org/10.24432/C50P49; the part that scikit-learn carries.
"""

from collections.abc import Iterator

import numpy as np

from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.data.sources.files.tree import Tree
from kedja.data.sources.source import Item


class Digits:
    """No arguments."""

    kind = "image"
    title = "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998), as shipped with scikit-learn"
    licence = "CC BY 4.0"
    image: ImageSpec | None = ImageSpec(8, 8, 1)
    tree: Tree | None = None

    @property
    def classes(self) -> list[str] | None:
        return [str(digit) for digit in range(10)]

    def items(self) -> Iterator[Item]:
        """8×8 scans; their values 0…16 are scaled to 0…255."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
        for number, (image, label) in enumerate(zip(pixels, digits.target, strict=True)):
            yield Item(f"{number:04d}", str(label), image)
