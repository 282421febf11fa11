"""Pictures of the report as PNG bytes: the same input gives the same bytes."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kedja.experiments.analysis.comparisons import Result
from kedja.experiments.analysis.evaluation import confusion
from kedja.frameworks.registry import find
from kedja.runs.read import Predictions, Run

# Okabe & Ito (2008): told apart by people with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK = "#222222"
FAINT = "#8a8a8a"
MOST_NUMBERED_CLASSES = 20
MOST_NAMED_CLASSES = 60
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def learning_curves(results: Sequence[Result]) -> bytes:
    """Validation loss and accuracy by epoch: the mean over seeds, with a band from lowest to highest.

    At most as many networks as there are colours, best first.
    """
    trained = [one for one in results if find(one.experiment.framework).has_learning_curve][: len(COLOURS)]
    with _figure(9.0, 3.9, columns=2) as ((loss_axes, accuracy_axes), png):
        lowest = 100.0
        for result, colour in zip(trained, COLOURS, strict=False):
            accuracies = 100 * _curves(result.experiment.runs, "val_accuracy")
            lowest = min(lowest, float(accuracies[:, -1].mean()))
            _band(accuracy_axes, accuracies, colour, result.label)
            _band(loss_axes, _curves(result.experiment.runs, "val_loss"), colour, result.label)
        loss_axes.set(title="Validation loss (logarithmic)", xlabel="epoch", yscale="log")
        accuracy_axes.set(title="Validation accuracy, %", xlabel="epoch")
        _readable(loss_axes, accuracy_axes)
        # The last tenths of a point are what people compare: the steep start may leave the picture.
        accuracy_axes.set_ylim(bottom=max(0.0, 100 - 4 * (100 - lowest) - 1), top=100.3)
        if trained:
            # Below both, where it covers no curve; best first.
            shown = accuracy_axes.get_legend_handles_labels()
            loss_axes.figure.legend(*shown, frameon=False, loc="outside lower center", ncols=min(5, len(trained)))
    return png.getvalue()


def confusion_matrix(predictions: Predictions, classes: Sequence[str], title: str) -> bytes:
    """Rows are true classes, columns predicted ones; colour is the share of the row, mistakes in red."""
    counts = confusion(predictions.labels, predictions.logits.argmax(axis=1), len(classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(1.9 + 0.32 * len(classes), 4.2, 11.0))
    with _figure(side, side) as (axes, png):
        axes.imshow(_paint(shares), interpolation="nearest")
        axes.set(xlabel="predicted class", ylabel="true class", title=title)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        labels = list(classes) if len(classes) <= MOST_NAMED_CLASSES else []
        longest = max(len(name) for name in classes)
        axes.set_xticks(range(len(labels)), labels, rotation=90 if longest > 3 else 0)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_xticks(np.arange(-0.5, len(classes)), minor=True)
        axes.set_yticks(np.arange(-0.5, len(classes)), minor=True)
        axes.grid(which="minor", color="#e6e6e6", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
        if len(classes) <= MOST_NUMBERED_CLASSES:
            _number(axes, counts, shares)
    return png.getvalue()


def _curves(runs: Sequence[Run], key: str) -> NDArray[np.float64]:
    """float64 (seeds, epochs) of one figure of the metrics, as long as the run that stopped first."""
    histories = [run.metrics() for run in runs]
    length = min(len(history) for history in histories)
    return np.array([[epoch[key] for epoch in history[:length]] for history in histories], np.float64)


def _band(axes: Any, values: NDArray[np.float64], colour: str, label: str) -> None:
    """Draw the mean of `values` (seeds, epochs), with a band from lowest to highest."""
    epochs = np.arange(1, values.shape[1] + 1)
    axes.plot(epochs, values.mean(axis=0), color=colour, linewidth=1.6, label=label)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, linewidth=0)


def _paint(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares (classes, classes) → RGB float: blue on the diagonal, red off it, white for nothing."""
    blue, red = np.array([0.00, 0.33, 0.58]), np.array([0.80, 0.20, 0.05])
    target = np.where(np.eye(len(shares), dtype=bool)[..., None], blue, red)
    # The square root makes a single mistake visible.
    weight = np.sqrt(shares)[..., None]
    painted: NDArray[np.float64] = 1 - weight * (1 - target)
    return painted


def _number(axes: Any, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)


def _readable(loss_axes: Any, accuracy_axes: Any) -> None:
    """Whole epochs, plain numbers on the logarithmic axis, a faint grid behind the lines."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

    for axes in (loss_axes, accuracy_axes):
        axes.grid(visible=True, color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    loss_axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    loss_axes.yaxis.set_major_formatter(ScalarFormatter())
    loss_axes.yaxis.set_minor_formatter(NullFormatter())


@contextmanager
def _figure(width: float, height: float, columns: int = 1) -> Iterator[tuple[Any, io.BytesIO]]:
    """Axes, and a buffer that holds the PNG after the block. Outside pyplot: no global state, no window."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        yield figure.subplots(1, columns), buffer
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
