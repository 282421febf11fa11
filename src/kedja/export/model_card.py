"""`MODEL_CONTEXT.md`: the model card, for people who meet the bundle without its repository.

Its sections follow Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

import json
from typing import Any

from kedja.bundle.known import Known
from kedja.bundle.metadata import MODEL, Metadata
from kedja.runs.read import Run


def model_card(
    metadata: Metadata, run: Run, dataset: dict[str, Any], provenance: dict[str, Any], known: Known | None = None
) -> str:
    """Markdown from the run, its `provenance.json` and the data set's `dataset.json`."""
    nouns = metadata.input.nouns
    return "\n".join(
        [
            f"# {metadata.name}",
            "",
            f"A classifier of {nouns} with {len(metadata.classes)} classes, trained on `{dataset['name']}`.",
            "",
            "## Model",
            "",
            f"- architecture: `{run.model}`, {run.parameters:,} parameters",
            *_origin_lines(provenance),
            f"- experiment: `{run.experiment}` (configuration {run.config_hash}), seed {run.seed}",
            f"- code: git commit `{metadata.git_commit or 'unknown'}`"
            + (" with uncommitted changes" if (provenance.get("git") or {}).get("dirty") else ""),
            "",
            "## Input and output",
            "",
            *_input_lines(metadata),
            "",
            f"Classes in order: {', '.join(f'`{name}`' for name in metadata.classes)}",
            "",
            "## Data",
            "",
            f"- source: {dataset.get('source') or 'not stated'}",
            f"- licence: {dataset.get('licence') or 'not stated'}",
            f"- {nouns}: {_split_counts(dataset)}",
            f"- version (DVC): `{metadata.data_hash}`",
            "",
            "## Results",
            "",
            *_metric_lines(metadata),
            "",
            "## Intended use and limits",
            "",
            f"- Meant for {nouns} like those it was trained on. It always names one of its classes, also for one that",
            "  belongs to none of them.",
            *_known_lines(known, nouns),
            "- The figures above hold for the data set's own splits. Another camera, light or population needs figures",
            "  of its own.",
            *_calibration_lines(metadata),
            "",
            "## Integrity",
            "",
            f"`metadata.json` names the SHA-256 of every file and {len(metadata.golden)} golden examples with the",
            "probabilities that the training framework gave them; a server must reproduce them within "
            f"{metadata.tolerance:g}.",
            "",
            "## Hyper-parameters",
            "",
            "```json",
            json.dumps(run.hyperparameters, indent=2, sort_keys=True),
            "```",
            "",
        ]
    )


def _origin_lines(provenance: dict[str, Any]) -> list[str]:
    """What the network had learnt before, where it had."""
    weights = provenance.get("weights")
    if not weights:
        return []
    file = f", file `{weights['file']}` of revision `{weights['revision']}`, SHA-256 `{weights['file_sha256']}`"
    return [
        f"- began from: {weights['title']}, licence of these weights: {weights['licence']}, SHA-256 of the tensors "
        f"`{weights['sha256']}`{file if weights.get('file') else ''}"
    ]


def _known_lines(known: Known | None, nouns: str) -> list[str]:
    if known is None:
        return ["- It does not say which belong to none: a low highest probability is a hint, not a proof."]
    lines = [
        f"- It says `known: false` of {nouns} whose score, {known.score}, is below {known.threshold:.4g}:",
        f"  at most {known.false_alarms:.0%} of new ones like those of the validation split ({known.examples:,}) are",
        "  expected to be. The nearest class is named all the same.",
    ]
    if not known.against:
        return [*lines, "  It was not measured on any others."]
    head = (
        "| measured on | examples | called unknown | area under the ROC curve | 95 % interval |\n|---|--:|--:|--:|---|"
    )
    rows = [
        f"| {one.name} | {one.examples:,} | {one.refused:.1%} | {one.auroc:.3f} | {one.low:.3f} – {one.high:.3f} |"
        for one in known.against
    ]
    return [*lines, "", head, *rows, ""]


def _input_lines(metadata: Metadata) -> list[str]:
    takes, *more = metadata.input.describe()
    return [
        f"- `{MODEL}` takes {takes}",
        *(f"- {line}" for line in more),
        f"- it returns `logits` and `probabilities`: float32 (N, {len(metadata.classes)})",
    ]


def _metric_lines(metadata: Metadata) -> list[str]:
    lines = ["| metric | value | 95 % interval |", "|---|---|---|"]
    for name, metric in metadata.metrics.items():
        interval = f"{metric['low']:.4f} – {metric['high']:.4f}" if "low" in metric else "–"
        lines.append(f"| {name.replace('_', ' ')} | {metric['value']:.4f} | {interval} |")
    lines += [
        f"\nThe {name} variant `{variant.file}`: validation accuracy {variant.accuracy:.4f} (fp32 "
        f"{variant.reference_accuracy:.4f}), the same class on {variant.agreement:.2%} of {variant.images:,} images."
        for name, variant in metadata.variants.items()
    ]
    return lines


def _calibration_lines(metadata: Metadata) -> list[str]:
    if not metadata.calibrated:
        return ["- Probabilities are the softmax of the logits; the validation split taught no temperature for them."]
    return [
        f"- Probabilities are calibrated: the softmax of the logits divided by {metadata.temperature:.4g}, which the",
        "  validation split gave. The calibration error above is how far confidence and accuracy still lie apart.",
    ]


def _split_counts(dataset: dict[str, Any]) -> str:
    counts = dataset.get("counts", {})
    totals = {split: sum(classes.values()) for split, classes in counts.items()}
    return ", ".join(f"{total:,} {split}" for split, total in totals.items())
