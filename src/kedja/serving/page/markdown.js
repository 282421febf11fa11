// As much Markdown as model cards use: headings, paragraphs, lists, tables, code blocks, bold and code.
// Everything becomes text nodes, so a card cannot bring markup of its own.

import { element } from "./view.js";

export function renderMarkdown(target, text) {
  target.replaceChildren();
  const lines = text.replace(/^---\n[\s\S]*?\n---\n/, "").split("\n");
  while (lines.length) {
    const line = lines[0];
    if (!line.trim()) lines.shift();
    else if (line.startsWith("```")) target.append(code(lines));
    else if (/^#{1,6} /.test(line)) target.append(heading(lines.shift()));
    else if (/^\s*[-*] /.test(line)) target.append(list(lines));
    else if (line.startsWith("|")) target.append(table(lines));
    else target.append(paragraph(lines));
  }
}

function take(lines, belongs) {
  const taken = [];
  while (lines.length && belongs(lines[0])) taken.push(lines.shift());
  return taken;
}

function heading(line) {
  const [, marks, text] = line.match(/^(#+) (.*)$/);
  return element(marks.length < 3 ? "h3" : "h4", {}, ...inline(text));
}

function code(lines) {
  lines.shift();
  const body = take(lines, (line) => !line.startsWith("```"));
  lines.shift();
  return element("pre", {}, element("code", {}, body.join("\n")));
}

function list(lines) {
  const entries = take(lines, (line) => /^\s*[-*] /.test(line) || /^\s+\S/.test(line));
  const joined = entries.join("\n").split(/\n?^\s*[-*] /m).slice(1);
  return element("ul", {}, ...joined.map((entry) => element("li", {}, ...inline(entry))));
}

function table(lines) {
  const rows = take(lines, (line) => line.startsWith("|")).filter((line) => !/^\|[\s:|-]+$/.test(line));
  const cells = rows.map((row) => row.replace(/^\||\|\s*$/g, "").split("|").map((cell) => cell.trim()));
  return element("table", {}, ...cells.map((row, index) =>
    element("tr", {}, ...row.map((cell) => element(index ? "td" : "th", {}, ...inline(cell))))));
}

function paragraph(lines) {
  const body = take(lines, (line) => line.trim() && !/^(#{1,6} |```|\||\s*[-*] )/.test(line));
  return element("p", {}, ...inline((body.length ? body : [lines.shift()]).join(" ")));
}

/** Bold and code within a line, as nodes. */
export function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**")) return element("strong", {}, part.slice(2, -2));
    if (part.startsWith("`")) return element("code", {}, part.slice(1, -1));
    return part;
  });
}
