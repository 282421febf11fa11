"""The learning curve in the report: one sentence, and values for the page and for machines."""

from dataclasses import asdict
from typing import Any

from kedja.experiments.analysis.learning_curve import Curve
from kedja.experiments.report.text import percent, signed

NOTE = (
    "Validation error by number of training examples; nested, stratified shares, each seed with its own. The line is "
    "the power law a + b·n^(−c), its band the 95 % interval over resampled seeds and examples; beyond the last circles "
    "it extrapolates to examples of the same kind, trained with the same settings."
)


def sentence(curve: Curve) -> str:
    """What twice the training examples would bring."""
    gain = curve.doubled
    if curve.told:
        return (
            f"Twice the training {curve.nouns} ({2 * curve.images[-1]:,}) would bring **{curve.experiment}** about "
            f"+{signed(gain.value)} points of validation accuracy (95 % interval {signed(gain.low)} "
            f"to {signed(gain.high)})."
        )
    return (
        f"What twice the training {curve.nouns} would bring **{curve.experiment}** cannot be told from these runs: "
        f"between {signed(gain.low)} and {signed(gain.high)} points of validation accuracy (95 % interval)."
    )


def markdown(curve: Curve) -> str:
    """Table, note and sentence."""
    rows = [f"| training {curve.nouns} | validation error, %, mean over seeds | seeds |", "|--:|--:|--:|"]
    for images, errors in zip(curve.images, curve.errors, strict=True):
        rows.append(f"| {images:,} | {percent(sum(errors) / len(errors))} | {len(errors)} |")
    return "\n".join([*rows, "", NOTE, "", sentence(curve)])


def values(curve: Curve | None) -> dict[str, Any] | None:
    """What the page shows and `learning-curve.json` holds; None without a curve."""
    return None if curve is None else {**asdict(curve), "told": curve.told, "note": NOTE, "sentence": sentence(curve)}
