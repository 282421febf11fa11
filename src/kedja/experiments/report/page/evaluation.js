"use strict";
// The selected run: classes, confusion, calibration, robustness, mistakes.

function evaluation() {
  const E = D.evaluation;
  if (!E) return null;
  const { nouns } = E;
  const share = (interval) => `${percent(interval.value)} (${points(interval.low)} to ${points(interval.high)})`;
  const figure = (value) => (value === null ? "–" : value.toFixed(3));
  return [
    html("p", {}, html("strong", {}, `${D.selected.label}, seed ${D.selected.seed}`), `, on ${E.images.toLocaleString("en")} ${nouns} of the ${E.split} split: `,
      `accuracy ${share(E.accuracy)}, macro F1 ${share(E.macro_f1)}, mean ROC AUC ${figure(E.macro_auc)}, log loss ${figure(E.loss)}, Brier score ${figure(E.brier)}. 95 % intervals: Wilson's for the accuracy, a bootstrap over ${nouns} for F1.`),
    html("div", { class: "row" },
      html("div", {}, html("h3", {}, "By class"), sortableTable(E.classes, [
        { name: "class", value: (c) => c.name, show: (c) => c.name, text: true },
        ...["precision", "recall", "f1", "auc"].map((key) => ({ name: key === "auc" ? "ROC AUC" : key === "f1" ? "F1" : key, value: (c) => c[key], show: (c) => figure(c[key]) })),
        { name: nouns, value: (c) => c.support, show: (c) => String(c.support) },
      ])),
      html("div", {}, html("h3", {}, "Confusion"), confusionTable(E, nouns))),
    html("div", { class: "row" }, calibrationPart(E.calibration, nouns), robustnessPart(E)),
    html("h3", {}, E.mistakes.length ? "Most confident mistakes" : "No mistakes on this split"),
    html("div", { class: "mistakes" }, ...E.mistakes.map((one) => html("figure", {},
      shown(one.picture),
      html("figcaption", {}, html("span", { class: "bad" }, one.predicted), ` ${percent(one.probability, 1)}`, html("br"), `is ${one.true} (${percent(one.true_probability, 1)})`, html("br"), html("span", { class: "soft" }, one.id))))),
  ];
}

// A kind's own HTML of an example, made by the program that made the page; its texts are escaped there.
function shown(picture) {
  if (!picture) return null;
  const part = document.createElement("template");
  part.innerHTML = picture;
  return part.content;
}

function confusionTable(E, nouns) {
  const names = E.classes.map((one) => one.name);
  if (names.length > 40) {
    const pairs = E.confusion.flatMap((row, i) => row.map((count, j) => ({ true: names[i], predicted: names[j], count, off: i !== j }))).filter((pair) => pair.off && pair.count);
    return sortableTable(pairs.sort((a, b) => b.count - a.count).slice(0, 20), [
      { name: "is", value: (p) => p.true, show: (p) => p.true, text: true }, { name: "called", value: (p) => p.predicted, show: (p) => p.predicted, text: true },
      { name: nouns, value: (p) => p.count, show: (p) => String(p.count) }]);
  }
  const cell = (count, i, j, total) => {
    const weight = total ? Math.sqrt(count / total) : 0;
    const mark = i === j ? "var(--c0)" : "var(--bad)";
    return html("td", { class: "cell", style: `background:color-mix(in srgb, ${mark} ${(weight * (i === j ? 45 : 85)).toFixed(0)}%, transparent)`, title: `${names[i]} called ${names[j]}: ${count}` }, count ? String(count) : "");
  };
  const rows = E.confusion.map((row, i) => html("tr", {}, html("th", { scope: "row", class: "text" }, names[i]), ...row.map((count, j) => cell(count, i, j, row.reduce((a, b) => a + b, 0)))));
  return html("div", { class: "scroll" }, html("table", { class: "matrix" }, html("thead", {}, html("tr", {}, html("th", { class: "text" }, "is \\ called"), ...names.map((name) => html("th", { scope: "col" }, name)))), html("tbody", {}, ...rows)));
}

// Below it a bin's interval is wider than ten points where nine answers of ten are right.
const FEW = 100;

function calibrationPart(C, nouns) {
  const line = (part) => part.bins.map((bin) => [bin.confidence, bin.accuracy]);
  const low = Math.min(0.9, ...C.before.bins.concat(C.after.bins).flatMap((bin) => [bin.confidence, bin.low]));
  const axis = { low, high: 1, text: (v) => percent(v, 0) };
  const { root, toX, toY } = frame({ x: { ...axis, title: "confidence; upwards: share that is right" }, y: axis, label: "Reliability diagram" });
  const path = (cells) => cells.map(([a, b], i) => `${i ? "L" : "M"}${toX(a)} ${toY(b)}`).join("");
  root.append(svg("path", { class: "path", d: path([[low, low], [1, 1]]), stroke: "var(--second)" }));
  [[C.before, "var(--c1)", -1.5], [C.after, "var(--c0)", 1.5]].forEach(([part, stroke, aside]) => {
    for (const bin of part.bins) root.append(svg("line", { x1: toX(bin.confidence) + aside, x2: toX(bin.confidence) + aside, y1: toY(bin.low), y2: toY(bin.high), stroke, "stroke-width": 2, opacity: 0.4 }));
    root.append(svg("path", { class: "path", d: path(line(part)), stroke }));
    line(part).forEach(([a, b], i) => root.append(svg("circle", { cx: toX(a), cy: toY(b), r: 3, fill: stroke }, tip(`${part.bins[i].count} ${nouns}: confidence ${percent(a)}, right ${percent(b)}`))));
  });
  const fewest = Math.min(...C.before.bins.map((bin) => bin.count));
  // Evaluations of before have no interval.
  const error = (part) => percent(part.error) + (part.low === undefined ? "" : ` (${percent(part.low)} to ${percent(part.high)})`);
  const swatchOf = (fill) => html("span", { class: "swatch", style: `background:${fill}` });
  return html("div", {}, html("h3", {}, "Calibration"),
    html("div", { class: "legend" }, html("span", {}, swatchOf("var(--c1)"), `as trained: error ${error(C.before)}`), html("span", {}, swatchOf("var(--c0)"), `temperature ${C.after.temperature.toFixed(2)}: error ${error(C.after)}`)),
    root, html("p", { class: "soft" }, "The temperature is found on the validation split. It changes confidences, never the predicted class; the exported model applies it. The error is the expected calibration error. Bars and brackets are 95 % intervals."),
    fewest < FEW ? html("p", {}, html("strong", {}, "Read with care: "), `each point stands for about ${fewest} ${nouns}. An interval that reaches the line of perfect calibration is no sign of a fault.`) : null);
}

function robustnessPart(E) {
  if (!E.robustness) return null;
  const names = [...new Set(E.robustness.map((one) => one.corruption))];
  const strengths = [...new Set(E.robustness.map((one) => one.strength))];
  const at = (name, strength) => E.robustness.find((one) => one.corruption === name && one.strength === strength).accuracy;
  const cell = (value) => html("td", { class: "cell", style: `background:color-mix(in srgb, var(--bad) ${(70 * Math.max(0, E.accuracy.value - value)).toFixed(0)}%, transparent)` }, percent(value, 1));
  return html("div", {}, html("h3", {}, "Robustness"), html("div", { class: "scroll" }, html("table", { class: "matrix" },
    html("thead", {}, html("tr", {}, html("th", { class: "text" }, "corruption"), ...strengths.map((s) => html("th", { scope: "col" }, ["", "light", "medium", "strong"][s])))),
    html("tbody", {}, ...names.map((name) => html("tr", {}, html("th", { scope: "row", class: "text" }, name), ...strengths.map((s) => cell(at(name, s)))))))),
    html("p", { class: "soft" }, `Accuracy on the same ${E.nouns}, corrupted; ${percent(E.accuracy.value, 1)} as they are.`));
}

show();
