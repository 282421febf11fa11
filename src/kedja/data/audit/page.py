"""The audit as one self-contained HTML page: no outside addresses, thumbnails inside."""

import re
from html import escape
from typing import Any

from kedja.data.audit.finding import Finding, plural
from kedja.data.prepared import SPLITS, PreparedDataset

MAX_GROUPS = 48
MAX_IN_GROUP = 6
MAX_FILES = 200
_WORDS = {"invalid": "invalidates results", "warning": "look at it", "note": "good to know"}

_STYLE = """
:root{color-scheme:light dark;--back:#f7f7f5;--card:#fff;--ink:#1c1c1a;--soft:#66655f;--line:#dddcd6;
--invalid:#b3261e;--warning:#8a5a00;--note:#3f5f8a;--bar:#5b7fb5}
@media(prefers-color-scheme:dark){:root{--back:#151514;--card:#20201e;--ink:#ecebe6;--soft:#a3a29b;--line:#3a3935;
--invalid:#ff8a80;--warning:#f0b95a;--note:#9dbdeb;--bar:#7fa3d8}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.6rem;margin:.2rem 0}
h2{font-size:1.1rem;margin:0}p{margin:.3rem 0}.soft{color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;margin:1rem 0}
.badge{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:0 .6rem;font-size:.8rem;
margin-right:.5rem;white-space:nowrap}.invalid{color:var(--invalid)}.warning{color:var(--warning)}.note{color:var(--note)}
.groups{display:grid;align-items:start;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));gap:.8rem;margin-top:.8rem}
figure{margin:0;border:1px solid var(--line);border-radius:.4rem;padding:.5rem;min-width:0}
.pictures{display:flex;flex-wrap:wrap;gap:.4rem}.pictures img{width:6rem;height:6rem;object-fit:contain;
background:var(--back);image-rendering:auto}.pictures img.small{image-rendering:pixelated}
figcaption{font-size:.85rem;margin-top:.4rem;overflow-wrap:anywhere}ul{margin:.5rem 0;padding-left:1.2rem}
li{overflow-wrap:anywhere}.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line)}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
.bar{display:block;height:.6rem;background:var(--bar);border-radius:.2rem;min-width:1px}td.wide{width:40%}
nav a{color:inherit}nav li::marker{color:inherit}
"""


def page(data: PreparedDataset, findings: list[Finding], facts: dict[str, Any]) -> str:
    """The whole page."""
    grave = sum(finding.severity == "invalid" for finding in findings)
    verdict = (
        f"{plural(grave, 'finding')} that would make results wrong" if grave else "nothing that makes results wrong"
    )
    body = "".join(_section(data, finding) for finding in findings)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Audit of {escape(data.name)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body><main>'
        f"<h1>Audit of {escape(data.name)}</h1>"
        f'<p class="{"invalid" if grave else "note"}"><strong>{verdict}</strong></p>'
        f'<p class="soft">{len(data):,} {data.input.nouns} of {escape(str(data.description["source"]))}</p>'
        f"{_overview(findings)}{body}{_facts(data, facts)}{_counts(facts)}</main></body></html>\n"
    )


def _overview(findings: list[Finding]) -> str:
    """Links to the findings, where there are more than fit one look."""
    if len(findings) < 3:
        return ""
    links = "".join(
        f'<li class="{finding.severity}"><a href="#{finding.kind}">{escape(finding.title)}</a></li>'
        for finding in findings
    )
    return f'<nav aria-label="findings"><ul>{links}</ul></nav>'


def _section(data: PreparedDataset, finding: Finding) -> str:
    remedy = f'<p class="soft">{_code(finding.remedy)}</p>' if finding.remedy else ""
    return (
        f'<section id="{finding.kind}"><h2><span class="badge {finding.severity}">{_WORDS[finding.severity]}</span>'
        f"{escape(finding.title)}</h2>{remedy}{_files(finding)}{_groups(data, finding)}</section>"
    )


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
        f'<br><span class="soft">{names}</span>{_more(len(group) - MAX_IN_GROUP)}</figcaption></figure>'
    )


def _facts(data: PreparedDataset, facts: dict[str, Any]) -> str:
    rows = data.stored.audit_rows(facts)
    cells = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    title = data.input.nouns.capitalize()
    return f'<section><h2>{title}</h2><div class="scroll"><table>{cells}</table></div></section>' if rows else ""


def _counts(facts: dict[str, Any]) -> str:
    counts = facts["counts"]
    largest = max([1, *counts["train"].values()])
    rows = []
    for name, number in counts["train"].items():
        others = "".join(f'<td class="number">{counts[split][name]:,}</td>' for split in SPLITS[1:])
        bar = f'<span class="bar" style="width:{100 * number / largest:.1f}%"></span>'
        rows.append(
            f'<tr><td>{escape(name)}</td><td class="wide">{bar}</td><td class="number">{number:,}</td>{others}</tr>'
        )
    head = "<tr><th>class</th><th></th>" + "".join(f'<th class="number">{split}</th>' for split in SPLITS) + "</tr>"
    return f'<section><h2>Classes</h2><div class="scroll"><table>{head}{"".join(rows)}</table></div></section>'


def _code(text: str) -> str:
    """Escaped, with what stands between backticks set as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _more(number: int) -> str:
    return f'<p class="soft">… and {number} more</p>' if number > 0 else ""
