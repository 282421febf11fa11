"""The audit as one self-contained HTML page: no outside addresses, thumbnails inside."""

import re
from html import escape
from typing import Any

from kedja.common.look import page as look
from kedja.data.audit.finding import Finding, plural
from kedja.data.prepared import SPLITS, PreparedDataset

MAX_GROUPS = 48
MAX_IN_GROUP = 6
MAX_FILES = 200
_WORDS = {"invalid": "invalidates results", "warning": "look at it", "note": "good to know"}

_STYLE = """
/* What the audit has beyond the look that all pages share. */
main{padding-bottom:4rem}h2{font-size:1.1rem;margin:0}p{margin:.3rem 0}section{margin:1rem 0}.verdict{font-size:1.4rem}
.badge{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:0 .6rem;font-size:.8rem;
margin-right:.5rem;white-space:nowrap}.invalid{color:var(--bad)}.warning{color:var(--warn)}.note{color:var(--accent)}
.groups{display:grid;align-items:start;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));gap:.8rem;margin-top:.8rem}
figure{margin:0;border:1px solid var(--line);border-radius:.4rem;padding:.5rem;min-width:0}
.pictures{display:flex;flex-wrap:wrap;gap:.4rem}.pictures img{width:6rem;height:6rem;object-fit:contain;
background:var(--ground);outline:1px solid var(--line)}.pictures img.small{image-rendering:pixelated}
.pictures blockquote{margin:0;padding:.4rem .6rem;width:100%;max-height:9rem;overflow:auto;background:var(--ground);
border-left:3px solid var(--line);overflow-wrap:anywhere;white-space:pre-line}
figcaption{font-size:.85rem;margin-top:.4rem;overflow-wrap:anywhere}ul{margin:.5rem 0;padding-left:1.2rem}
li{overflow-wrap:anywhere}table{width:100%}
.count{display:block;height:.6rem;background:var(--accent);border-radius:.2rem;min-width:1px}td.wide{width:40%}
"""


def page(data: PreparedDataset, findings: list[Finding], facts: dict[str, Any]) -> str:
    """The whole page."""
    grave = sum(finding.severity == "invalid" for finding in findings)
    verdict = (
        f"{plural(grave, 'finding')} that would make results wrong" if grave else "Nothing that makes results wrong"
    )
    body = "".join(_section(data, finding) for finding in findings)
    return (
        f'<!doctype html>\n<html lang="en"><head>{look.inside(_STYLE)}'
        f"<title>Audit of {escape(data.name)}</title></head>"
        f'<body><header class="bar"><img src="{look.icon_address()}" alt=""><div class="title">'
        f"<h1>Audit of {escape(data.name)}</h1>"
        f"<p>{len(data):,} {data.input.nouns} of {escape(str(data.description['source']))}</p></div></header><main>"
        f'<section class="panel"><p class="verdict {"invalid" if grave else "good"}"><strong>{verdict}</strong></p>'
        f"{_overview(findings)}</section>{body}{_facts(data, facts)}{_counts(facts)}</main></body></html>\n"
    )


def _overview(findings: list[Finding]) -> str:
    """Links to the findings, where there are more than fit one look."""
    if len(findings) < 3:
        return ""
    links = "".join(
        f'<li><a class="{finding.severity}" href="#{finding.kind}">{escape(finding.title)}</a></li>'
        for finding in findings
    )
    return f'<nav aria-label="findings"><ul>{links}</ul></nav>'


def _section(data: PreparedDataset, finding: Finding) -> str:
    remedy = f'<p class="quiet">{_code(finding.remedy)}</p>' if finding.remedy else ""
    badge = f'<span class="badge {finding.severity}">{_WORDS[finding.severity]}</span>'
    content = f"{remedy}{_files(finding)}{_groups(data, finding)}"
    return _panel(f"{badge}{escape(finding.title)}", content, finding.kind)


def _files(finding: Finding) -> str:
    if not finding.files:
        return ""
    shown = list(finding.files.items())[:MAX_FILES]
    lines = "".join(f"<li><code>{escape(path)}</code> {escape(reason)}</li>" for path, reason in shown)
    return f"<ul>{lines}</ul>{_more(len(finding.files) - len(shown))}"


def _groups(data: PreparedDataset, finding: Finding) -> str:
    if not finding.groups:
        return ""
    shown = list(zip(finding.groups, finding.captions, strict=True))[:MAX_GROUPS]
    figures = "".join(_figure(data, group, caption) for group, caption in shown)
    return f'<div class="groups">{figures}</div>{_more(len(finding.groups) - len(shown))}'


def _figure(data: PreparedDataset, group: list[int], caption: str) -> str:
    pictures = []
    for position in group[:MAX_IN_GROUP]:
        split, label = SPLITS[int(data.splits[position])], data.classes[int(data.labels[position])]
        pictures.append(data.stored.picture(position, f"{data.ids[position]} ({split}, {label})"))
    names = "<br>".join(f"<code>{escape(data.ids[position])}</code>" for position in group[:MAX_IN_GROUP])
    return (
        f'<figure><div class="pictures">{"".join(pictures)}</div><figcaption>{escape(caption)}'
        f'<br><span class="quiet">{names}</span>{_more(len(group) - MAX_IN_GROUP)}</figcaption></figure>'
    )


def _facts(data: PreparedDataset, facts: dict[str, Any]) -> str:
    rows = data.stored.audit_rows(facts)
    cells = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    title = data.input.nouns.capitalize()
    return _panel(title, f'<div class="scroll"><table>{cells}</table></div>') if rows else ""


def _counts(facts: dict[str, Any]) -> str:
    counts = facts["counts"]
    largest = max([1, *counts["train"].values()])
    rows = []
    for name, number in counts["train"].items():
        others = "".join(f'<td class="number">{counts[split][name]:,}</td>' for split in SPLITS[1:])
        bar = f'<span class="count" style="width:{100 * number / largest:.1f}%"></span>'
        rows.append(
            f'<tr><td>{escape(name)}</td><td class="wide">{bar}</td><td class="number">{number:,}</td>{others}</tr>'
        )
    head = "<tr><th>class</th><th></th>" + "".join(f'<th class="number">{split}</th>' for split in SPLITS) + "</tr>"
    return _panel("Classes", f'<div class="scroll"><table>{head}{"".join(rows)}</table></div>')


def _panel(title: str, content: str, identity: str = "") -> str:
    where = f' id="{identity}"' if identity else ""
    return f'<section class="panel"{where}><h2>{title}</h2>{content}</section>'


def _code(text: str) -> str:
    """Escaped, with what stands between backticks set as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _more(number: int) -> str:
    return f'<p class="quiet">… and {number} more</p>' if number > 0 else ""
