"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const percent = (share, digits = 2) => `${(100 * share).toFixed(digits)} %`;
const points = (share) => (100 * share).toFixed(2).replace("-", "−");
const seconds = (value) => (value < 100 ? `${value.toPrecision(3)} s` : value < 6000 ? `${(value / 60).toFixed(1)} min` : `${(value / 3600).toFixed(1)} h`);
const setting = (value) => (value === null || value === undefined ? "–" : String(value));
const trained = D.experiments.filter((one) => !one.baseline);
const colourOf = new Map(D.experiments.map((one) => [one.label, !one.baseline ? colour(trained.indexOf(one)) : "var(--quiet)"]));
const swatch = (label) => html("span", { class: "swatch", style: `background:${colourOf.get(label)}` });

// `**bold**` of the analysis becomes <strong>.
function rich(text) {
  return text.split("**").map((part, index) => (index % 2 ? html("strong", {}, part) : part));
}

// columns: [{name, value(row), show(row), text}]; a click on a header sorts by it.
function sortableTable(rows, columns, rowClass = () => "") {
  const body = html("tbody");
  const fill = (order) => body.replaceChildren(...order.map((row) => html("tr", { class: rowClass(row) }, ...columns.map((column) => html("td", column.text ? { class: "text" } : {}, column.show(row))))));
  const heads = columns.map((column) => {
    const head = html("th", { scope: "col", "aria-sort": "none", ...(column.text ? { class: "text" } : {}) });
    head.append(html("button", { type: "button", onclick: () => sortBy(column, head) }, column.name));
    return head;
  });
  function sortBy(column, head) {
    const down = head.getAttribute("aria-sort") === "descending";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const empty = (value) => value === null || value === undefined;
    fill([...rows].sort((a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      if (empty(x) || empty(y)) return empty(x) - empty(y);
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return down ? order : -order;
    }));
  }
  fill(rows);
  return html("div", { class: "scroll" }, html("table", { class: "sorted" }, html("thead", {}, html("tr", {}, ...heads)), body));
}

function legend(labels) {
  return html("div", { class: "legend" }, ...labels.map((label) => html("span", {}, swatch(label), label)));
}

function results() {
  const columns = [
    { name: "experiment", value: (e) => e.label, show: (e) => html("span", {}, swatch(e.label), e.name), text: true },
    { name: "accuracy, %", value: (e) => e.accuracy.value, show: (e) => points(e.accuracy.value) + (e.spread === null ? "" : ` ± ${points(e.spread)}`) },
    { name: "95 % interval", value: (e) => e.accuracy.low, show: (e) => `${points(e.accuracy.low)} … ${points(e.accuracy.high)}` },
    { name: "behind the best", value: (e) => (e.behind ? e.behind.value : 0), show: (e) => (e.behind ? points(e.behind.value) + (e.worse ? " *" : "") : "–") },
    { name: "seeds", value: (e) => e.by_seed.length, show: (e) => String(e.by_seed.length) },
    { name: "parameters", value: (e) => e.parameters, show: (e) => e.parameters.toLocaleString("en") },
    { name: "time a run", value: (e) => e.seconds, show: (e) => seconds(e.seconds) },
  ];
  const far = (run) => `${run.name}: ${run.epochs} epochs` + (run.accuracy === null ? "" : `, ${percent(run.accuracy)}`);
  return [
    D.running.length ? html("p", {}, html("strong", {}, "Running or unfinished: "), D.running.map(far).join("; ")) : "",
    sortableTable(D.experiments, columns, (e) => (e.label === D.selected.label ? "selected" : "")),
    html("p", { class: "soft" }, D.note),
    intervalChart(D.experiments.map((e) => ({ name: e.label, colour: colourOf.get(e.label), points: e.by_seed, ...e.accuracy })),
      { text: (value) => percent(value, 1), title: "validation accuracy: mean, interval, seeds", label: "Accuracy of each experiment with its interval" }),
    html("h3", {}, "What the numbers say"),
    html("ul", {}, ...D.analysis.map((sentence) => html("li", {}, ...rich(sentence)))),
  ];
}

// A hundred answers: right for sure, in doubt (the interval), wrong for sure.
function hundred({ value, low, high }) {
  const [sure, best] = [Math.floor(100 * low), Math.ceil(100 * high)];
  const root = svg("svg", { viewBox: "0 0 150 150", role: "img", "aria-label": `Of 100 answers ${sure} to ${best} are right` });
  for (let i = 0; i < 100; i++) {
    const fill = i < sure ? "var(--c0)" : i < best ? "var(--second)" : "var(--bad)";
    root.append(svg("rect", { x: 15 * (i % 10) + 1.5, y: 15 * Math.floor(i / 10) + 1.5, width: 12, height: 12, rx: 3, fill }));
  }
  const part = (fill, text) => html("span", {}, html("span", { class: "swatch", style: `background:${fill}` }), text);
  return html("figure", {}, root, html("figcaption", { class: "legend" },
    part("var(--c0)", `right: ${sure}`), part("var(--second)", `in doubt: ${best - sure}`), part("var(--bad)", `wrong: ${100 - best}`)));
}

function headline() {
  const H = D.headline;
  return [
    html("div", {},
      html("p", { class: "figure" }, `${H.figure} right`),
      html("p", { class: `decision ${H.use ? "" : "bad"}` }, H.decision),
      ...H.reasons.map((reason) => html("p", {}, reason)),
      html("p", { class: "soft" }, "Next:"), html("pre", {}, html("code", {}, H.following))),
    hundred(H.share),
  ];
}

function curves() {
  const shown = trained.filter((e) => e.curves.val_accuracy.length).slice(0, 7);
  if (!shown.length) return null;
  const series = (key, factor = 1) => shown.map((e) => ({ name: e.label, colour: colourOf.get(e.label), lines: e.curves[key].map((line) => line.map((value, i) => [i + 1, factor * value])) }));
  const accuracies = shown.flatMap((e) => e.curves.val_accuracy.map((line) => line[line.length - 1]));
  const low = Math.max(0, 100 - 4 * (100 - 100 * Math.min(...accuracies)) - 1);
  const chart = (title, node) => html("div", {}, html("h3", {}, title), node);
  return [
    legend(shown.map((e) => e.label)),
    html("div", { class: "row" },
      chart("Validation accuracy, %", lineChart(series("val_accuracy", 100), { low, high: 100, text: (v) => v.toFixed(v % 1 ? 1 : 0), label: "Validation accuracy by epoch" })),
      chart("Validation loss (log scale)", lineChart(series("val_loss"), { log: true, text: String, label: "Validation loss by epoch" })),
      chart("Training loss (as augmented, log scale)", lineChart(series("train_loss"), { log: true, text: String, label: "Training loss by epoch" }))),
    html("p", { class: "soft" }, "Strong lines are means over seeds, faint lines single seeds."),
  ];
}

function settings() {
  if (trained.length < 2 || !D.settings.length) return null;
  const axes = tellingSettings().map((key) => ({ name: D.short[key], values: trained.map((e) => settingValue(e.settings[key])), text: setting }));
  axes.push({ name: "accuracy", values: trained.map((e) => e.accuracy.value), text: (value) => percent(value) });
  return [
    legend(trained.map((e) => e.label)),
    html("div", { class: "scroll" }, parallelChart(axes, trained.map((e) => e.label), trained.map((e) => colourOf.get(e.label)))),
    html("p", { class: "soft" }, "One line an experiment: its settings, and what came of them. Of settings that always change together one is shown."),
    sortableTable(trained, [
      { name: "experiment", value: (e) => e.label, show: (e) => html("span", {}, swatch(e.label), e.label), text: true },
      { name: "accuracy, %", value: (e) => e.accuracy.value, show: (e) => points(e.accuracy.value) },
      ...D.groups.map((key) => ({ name: key, value: (e) => e.groups[key], show: (e) => e.groups[key], text: true })),
    ]),
  ];
}

// Settings that split the experiments alike (adamw always with cosine) say the same: the first speaks for them.
function tellingSettings() {
  const seen = new Set();
  return D.settings.filter((key) => {
    const values = trained.map((e) => setting(e.settings[key]));
    const pattern = values.map((value) => values.indexOf(value)).join();
    return !seen.has(pattern) && seen.add(pattern);
  });
}

const settingValue = (value) => (typeof value === "number" ? value : setting(value));

function comparisons() {
  const others = D.experiments.filter((e) => e.behind);
  if (!others.length) return null;
  return [
    html("p", {}, "How far each is behind ", html("strong", {}, D.experiments[0].label), ": paired over the same examples, both seeds and examples resampled. Intervals, p-values and verdicts are corrected for the number of pairs that the best was chosen from (Holm)."),
    intervalChart(others.map((e) => ({ name: e.label, colour: e.worse ? "var(--bad)" : "var(--quiet)", ...e.behind })),
      { text: (value) => points(value), title: "points behind the best", zero: true, label: "Difference to the best experiment" }),
    sortableTable(others, [
      { name: "experiment", value: (e) => e.label, show: (e) => e.label, text: true },
      { name: "points behind", value: (e) => e.behind.value, show: (e) => points(e.behind.value) },
      { name: "corrected interval", value: (e) => e.behind.low, show: (e) => `${points(e.behind.low)} … ${points(e.behind.high)}` },
      { name: "p, corrected", value: (e) => e.p, show: (e) => probability(e.p) },
      { name: "verdict", value: (e) => e.p, show: (e) => verdict(e.worse), text: true },
    ]),
  ];
}

function folds() {
  if (!D.folds) return null;
  const list = D.folds.experiments;
  const share = (e) => e.accuracy;
  return [
    html("ul", {}, ...D.folds.sentences.map((sentence) => html("li", {}, ...rich(sentence)))),
    intervalChart(list.map((e) => ({ name: e.experiment, colour: foldColour(e), points: share(e).by_fold, ...share(e) })),
      { text: (value) => percent(value, 1), title: "accuracy: mean, interval, folds", label: "Accuracy over the folds with its interval" }),
    sortableTable(list, [
      { name: "experiment", value: (e) => e.experiment, show: (e) => e.experiment, text: true },
      { name: "accuracy over folds, %", value: (e) => share(e).value, show: (e) => `${points(share(e).value)} ± ${points(share(e).spread)}` },
      { name: "95 % interval", value: (e) => share(e).low, show: (e) => `${points(share(e).low)} … ${points(share(e).high)}` },
      { name: "points behind", value: (e) => (e.behind_best ? e.behind_best.value : 0), show: (e) => (e.behind_best ? points(e.behind_best.value) : "–") },
      { name: "corrected interval", value: (e) => (e.behind_best ? e.behind_best.low : 0), show: (e) => (e.behind_best ? `${points(e.behind_best.low)} … ${points(e.behind_best.high)}` : "–") },
      { name: "p, corrected", value: (e) => e.p_adjusted, show: (e) => (e.behind_best ? probability(e.p_adjusted) : "–") },
      { name: "verdict", value: (e) => e.p_adjusted, show: (e) => (e.behind_best ? verdict(e.detectably_worse) : "the best"), text: true },
    ]),
    html("p", { class: "soft" }, D.folds.note),
  ];
}

function more() {
  if (!D.more) return null;
  return [
    html("p", {}, ...rich(D.more.sentence)),
    html("div", { class: "row" }, learningCurve(D.more)),
    html("p", { class: "soft" }, D.more.note),
  ];
}

const foldColour = (e) => colourOf.get(e.experiment) || "var(--quiet)";
const probability = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(3));
const verdict = (worse) => (worse ? html("span", { class: "bad" }, "worse") : "no detectable difference");

function cost() {
  const list = D.experiments;
  const total = list.reduce((sum, e) => sum + e.seconds * e.by_seed.length, 0);
  return [
    html("p", {}, `All ${list.reduce((sum, e) => sum + e.by_seed.length, 0)} runs took ${seconds(total)} together.`),
    html("div", { class: "row" },
      scatterChart(list.map((e) => ({ name: e.label, colour: colourOf.get(e.label), x: e.seconds, y: e.accuracy.value })), { xText: seconds, yText: (v) => percent(v, 1), title: "time a run (log scale)", label: "Accuracy against time" }),
      scatterChart(list.map((e) => ({ name: e.label, colour: colourOf.get(e.label), x: Math.max(1, e.parameters), y: e.accuracy.value })), { xText: (v) => v.toLocaleString("en", { notation: "compact" }), yText: (v) => percent(v, 1), title: "parameters (log scale)", label: "Accuracy against parameters" })),
  ];
}

function provenance() {
  const list = (entries) => html("dl", {}, ...Object.entries(entries).flatMap(([key, value]) => [html("dt", {}, key), html("dd", {}, typeof value === "object" && value !== null ? JSON.stringify(value) : String(value))]));
  const one = (e, run) => html("details", {}, html("summary", {}, `${e.label}, seed ${run.seed}: ${percent(run.accuracy)}`), html("pre", {}, html("code", {}, run.command)), list(run.provenance));
  return [html("p", {}, "The command under each run makes it again."), ...D.experiments.flatMap((e) => e.runs.map((run) => one(e, run)))];
}

function show() {
  document.title = `Experiments on ${D.data}`;
  document.getElementById("title").textContent = document.title;
  const runs = D.experiments.reduce((sum, e) => sum + e.by_seed.length, 0);
  document.getElementById("facts").textContent = `${runs} runs of ${D.experiments.length} experiments`;
  document.getElementById("headline").append(...headline());
  const makers = { results, curves, settings, comparisons, folds, more, evaluation, cost, runs: provenance };
  for (const [id, make] of Object.entries(makers)) {
    const section = document.getElementById(id);
    const content = make();
    if (!content) { section.remove(); continue; }
    section.append(html("h2", {}, section.dataset.title), ...content);
    document.querySelector("nav").append(html("a", { href: `#${id}` }, section.dataset.title));
  }
}
