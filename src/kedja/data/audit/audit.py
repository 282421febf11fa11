"""The whole audit of a prepared data set, and its three forms: terminal, JSON, HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedja.common.files import write_json, write_text
from kedja.common.progress import say
from kedja.data.audit import cheap_judges, checks, trained_judges
from kedja.data.audit.finding import Finding
from kedja.data.audit.index import FullIndex, read_index
from kedja.data.audit.judgement import label_errors, not_judged
from kedja.data.audit.page import page
from kedja.data.prepared import SPLITS, PreparedDataset

CHECKS = (
    checks.unreadable_files,
    checks.exact_copies,
    checks.straddling_groups,
    checks.look_alikes,
    checks.class_counts,
)
_ORDER = ("invalid", "warning", "note")
_SIGNS = {"invalid": "✗", "warning": "!", "note": "·"}
_SHOWN = 5


@dataclass(frozen=True)
class Audit:
    """Attributes:
    data: what was audited.
    findings: the gravest first.
    facts: counts, sizes and statistics.
    """

    data: PreparedDataset
    findings: list[Finding]
    facts: dict[str, Any]

    @property
    def invalid(self) -> bool:
        """Whether results measured on this data set would be wrong."""
        return any(finding.severity == "invalid" for finding in self.findings)


def audit(data: PreparedDataset, *, judge_labels: bool = True, judges: Sequence[Path] = ()) -> Audit:
    """Run every check.

    Args:
        judge_labels: whether to look for label errors.
        judges: folders of finished runs that judge the labels; without any, two cheap models do.

    Raises:
        KedjaError: a judge is no finished run on these data.
    """
    index = read_index(data)
    findings = [finding for check in (*CHECKS, *data.stored.audit_checks()) for finding in check(data, index)]
    if judge_labels:
        say("looking for label errors …")
        findings += _judge_labels(data, judges)
    findings.sort(key=lambda finding: _ORDER.index(finding.severity))
    return Audit(data, findings, _facts(data, index))


def _judge_labels(data: PreparedDataset, judges: Sequence[Path]) -> list[Finding]:
    judgement = trained_judges.judge(data, judges) if judges else cheap_judges.judge(data)
    return label_errors(data, judgement) if judgement else [not_judged(f"too few {data.input.nouns} a class")]


def write_reports(result: Audit, folder: Path) -> list[Path]:
    """`audit-<name>.json` and `.html` in `folder`."""
    name = f"audit-{result.data.name}"
    machine = {
        "name": result.data.name,
        "hash": result.data.hash,
        "invalid": result.invalid,
        "facts": result.facts,
        "findings": [finding.to_json(result.data.ids) for finding in result.findings],
    }
    write_json(folder / f"{name}.json", machine)
    write_text(folder / f"{name}.html", page(result.data, result.findings, result.facts))
    return [folder / f"{name}.json", folder / f"{name}.html"]


def table(result: Audit) -> str:
    """The findings for a terminal, with a few examples each."""
    sizes = ", ".join(f"{split} {number:,}" for split, number in result.facts["splits"].items())
    data = result.data
    lines = [f"{data.name}: {len(data):,} {data.input.nouns}, {len(data.classes)} classes ({sizes})"]
    for finding in result.findings:
        lines.append(f"  {_SIGNS[finding.severity]} {finding.severity:<8} {finding.title}")
        lines += [f"               {example}" for example in _examples(result.data, finding)]
        if finding.remedy:
            lines.append(f"             → {finding.remedy}")
    if not result.findings:
        lines.append("  nothing was found")
    return "\n".join(lines)


def _examples(data: PreparedDataset, finding: Finding) -> list[str]:
    if finding.files:
        examples = [f"{path}: {reason}" for path, reason in list(finding.files.items())[:_SHOWN]]
    else:
        pairs = zip(finding.groups[:_SHOWN], finding.captions, strict=False)
        examples = [f"{' = '.join(data.ids[p] for p in group[:3])}  ({caption})" for group, caption in pairs]
    more = finding.count - len(examples)
    return [*examples, f"… and {more} more"] if more > 0 and examples else examples


def _facts(data: PreparedDataset, index: FullIndex) -> dict[str, Any]:
    return {
        data.input.nouns: len(data),
        "splits": {split: int((data.splits == number).sum()) for number, split in enumerate(SPLITS)},
        "counts": data.description["counts"],
        **data.stored.audit_facts(index),
    }
