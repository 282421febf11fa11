"use strict";
// Small SVG charts without any library. Text goes in as text nodes, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function html(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// As wide as the screen allows, so that letters keep their size on a phone.
const SPAN = Math.min(700, Math.max(280, document.documentElement.clientWidth - 58));
const colour = (index) => `var(--c${index % 7})`;
const tip = (text) => svg("title", {}, text);

// A frame with room for labels; returns the drawing and the two scales.
function frame({ width = 440, height = 270, left = 52, right = 12, top = 10, bottom = 36, x, y, label }) {
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const toX = scale(x, left, width - right);
  const toY = scale(y, height - bottom, top);
  for (const value of ticks(y)) {
    root.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: toY(value), y2: toY(value) }));
    root.append(svg("text", { x: left - 6, y: toY(value) + 4, "text-anchor": "end" }, y.text(value)));
  }
  for (const value of ticks(x)) {
    root.append(svg("text", { x: toX(value), y: height - bottom + 16, "text-anchor": "middle" }, x.text(value)));
  }
  root.append(svg("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, x.title || ""));
  return { root, toX, toY };
}

function scale({ low, high, log }, from, to) {
  const at = log ? Math.log : (value) => value;
  const span = at(high) - at(low) || 1;
  return (value) => from + ((at(value) - at(low)) / span) * (to - from);
}

function ticks({ low, high, log, whole }) {
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const step of [1, 2, 5]) {
        const value = step * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
      }
    }
    if (found.length > 8) return found.filter((value) => /^1/.test(value.toExponential()));
    if (found.length > 2) return found;
    // Less than half a decade: even steps say more.
    return ticks({ low, high });
  }
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-6; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

// series: [{name, colour, lines: [[[x, y], …], …]}]: each seed faint, their mean strong.
function lineChart(series, options) {
  const points = series.flatMap((one) => one.lines.flat());
  if (!points.length) return html("p", { class: "soft" }, "No epochs were recorded.");
  const ys = points.map((point) => point[1]).filter((value) => !options.log || value > 0);
  const x = { low: Math.min(...points.map((p) => p[0])), high: Math.max(...points.map((p) => p[0])), text: String, whole: true, title: "epoch" };
  const y = { low: options.low ?? Math.min(...ys), high: options.high ?? Math.max(...ys), log: options.log, text: options.text };
  const { root, toX, toY } = frame({ x, y, label: options.label });
  const clip = `clip${Math.random().toString(36).slice(2)}`;
  root.append(svg("clipPath", { id: clip }, svg("rect", { x: 52, y: 6, width: 380, height: 230 })));
  const area = svg("g", { "clip-path": `url(#${clip})` });
  const path = (line) => line.map(([a, b], i) => `${i ? "L" : "M"}${toX(a).toFixed(1)} ${toY(b).toFixed(1)}`).join("");
  for (const one of series) {
    const group = svg("g", { "data-series": one.name }, tip(one.name));
    if (one.lines.length > 1) for (const line of one.lines) group.append(svg("path", { class: "path faint", d: path(line), stroke: one.colour }));
    group.append(svg("path", { class: "path", d: path(meanLine(one.lines)), stroke: one.colour }));
    area.append(group);
  }
  root.append(area);
  return root;
}

// Error by training images: circles are runs, the line the fitted law, dashed where it looks ahead.
function learningCurve({ images, errors, grid, fitted, nouns = "images" }) {
  const last = images[images.length - 1];
  const shown = [...errors.flat(), ...fitted.map((one) => one.high)].map((error) => 100 * error);
  const x = { low: grid[0] * 0.95, high: grid[grid.length - 1] * 1.05, log: true, text: (v) => v.toLocaleString("en", { notation: "compact" }), title: `training ${nouns}` };
  const y = { low: 0, high: Math.max(...shown), text: (v) => v.toFixed(v % 1 ? 1 : 0) };
  const { root, toX, toY } = frame({ width: Math.min(640, SPAN), height: 320, x, y, label: `Error by training ${nouns}, in percent` });
  const at = (n, error) => `${toX(n).toFixed(1)} ${toY(100 * error).toFixed(1)}`;
  const path = (points) => points.map((point, i) => `${i ? "L" : "M"}${point}`).join("");
  const bound = (name) => grid.map((n, i) => at(n, fitted[i][name]));
  const law = grid.map((n, i) => [n, at(n, fitted[i].value)]);
  root.append(svg("path", { d: `${path(bound("high"))}${path(bound("low").reverse()).replace("M", "L")}Z`, fill: "var(--c0)", opacity: 0.15 }));
  const known = law.filter(([n]) => n <= last * 1.001);
  for (const [part, dash] of [[known, ""], [law.slice(known.length - 1), "5 5"]]) {
    root.append(svg("path", { class: "path", d: path(part.map(([, point]) => point)), stroke: "var(--c0)", "stroke-dasharray": dash }));
  }
  images.forEach((n, i) => errors[i].forEach((error) => root.append(svg("circle", { cx: toX(n), cy: toY(100 * error), r: 3.5, fill: "none", stroke: "var(--c0)" }, tip(`${n} ${nouns}: ${(100 * error).toFixed(2)} %`)))));
  return root;
}

function meanLine(lines) {
  const length = Math.min(...lines.map((line) => line.length));
  return Array.from({ length }, (_, i) => [lines[0][i][0], lines.reduce((sum, line) => sum + line[i][1], 0) / lines.length]);
}

// rows: [{name, colour, value, low, high, points}]; one line each, the interval as a bar, seeds as dots.
function intervalChart(rows, options) {
  const longest = Math.max(...rows.map((row) => row.name.length));
  const left = Math.min(SPAN * 0.36, 190, 14 + 6.4 * longest);
  const fitting = Math.floor((left - 8) / 6.2);
  const values = rows.flatMap((row) => [row.low, row.high, ...(row.points || [])]);
  const pad = (Math.max(...values) - Math.min(...values)) * 0.04 || 0.01;
  const x = { low: Math.min(...values) - pad, high: Math.max(...values) + pad, text: options.text, title: options.title };
  const height = 30 + 26 * rows.length + 20;
  const { root, toX } = frame({ width: SPAN, height, left, x, y: { low: 0, high: 1, text: () => "" }, label: options.label });
  root.querySelectorAll("line").forEach((line) => line.remove());
  for (const value of ticks(x)) root.prepend(svg("line", { class: "grid", x1: toX(value), x2: toX(value), y1: 8, y2: height - 36 }));
  if (options.zero) root.append(svg("line", { x1: toX(0), x2: toX(0), y1: 8, y2: height - 36, stroke: "var(--ink)" }));
  rows.forEach((row, index) => {
    const y = 22 + 26 * index;
    const name = shortened(row.name, fitting);
    root.append(svg("text", { class: "name", x: left - 10, y: y + 4, "text-anchor": "end" }, name, tip(row.name)));
    root.append(svg("line", { x1: toX(row.low), x2: toX(row.high), y1: y, y2: y, stroke: row.colour, "stroke-width": 5, opacity: 0.35, "stroke-linecap": "round" }));
    for (const point of row.points || []) root.append(svg("circle", { cx: toX(point), cy: y, r: 2.5, fill: "none", stroke: row.colour }));
    root.append(svg("circle", { cx: toX(row.value), cy: y, r: 4.5, fill: row.colour }, tip(`${options.text(row.value)}, ${options.text(row.low)} to ${options.text(row.high)}`)));
  });
  return root;
}

// axes: [{name, values}], one value a line; categories are spread evenly. colours: one a line.
function parallelChart(axes, names, colours) {
  const width = Math.max(700, 150 * axes.length);
  const height = 260;
  const labels = [];
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", style: `min-width:${width * 0.9}px;max-width:${width}px`, "aria-label": "Settings and result of each experiment" });
  const place = axes.map((axis, index) => {
    const x = 60 + (index * (width - 150)) / Math.max(1, axes.length - 1);
    const numbers = axis.values.every((value) => typeof value === "number");
    const distinct = [...new Set(axis.values)].sort((a, b) => (numbers ? a - b : String(a).localeCompare(String(b))));
    const log = numbers && distinct[0] > 0 && distinct[distinct.length - 1] / distinct[0] > 20;
    const to = numbers
      ? scale({ low: distinct[0], high: distinct[distinct.length - 1], log }, height - 40, 24)
      : (value) => (distinct.length < 2 ? height / 2 : height - 40 - (distinct.indexOf(value) * (height - 64)) / (distinct.length - 1));
    root.append(svg("line", { class: "grid", x1: x, x2: x, y1: 24, y2: height - 40 }));
    root.append(svg("text", { class: "name", x, y: height - 12, "text-anchor": "middle" }, shortened(axis.name, 20), tip(axis.name)));
    const shown = distinct.length > MOST_LABELS ? [distinct[0], distinct[distinct.length - 1]] : distinct;
    const last = index === axes.length - 1;
    apart(shown.map((value) => ({ y: to(value), text: axis.text(value) }))).forEach(({ y, text }) =>
      labels.push(svg("text", { class: "halo", x: x + (last ? 8 : 6), y: y + 4 }, shortened(text, 17), tip(text))));
    return (line) => [x, to(axis.values[line])];
  });
  names.forEach((name, line) => {
    const d = place.map((at, i) => `${i ? "L" : "M"}${at(line).map((n) => n.toFixed(1)).join(" ")}`).join("");
    const path = svg("path", { class: "path", d, stroke: colours[line], tabindex: 0 }, tip(name));
    const others = (dim) => root.querySelectorAll(".path").forEach((other) => other.classList.toggle("dim", dim && other !== path));
    for (const [event, dim] of [["mouseenter", true], ["mouseleave", false], ["focus", true], ["blur", false]]) path.addEventListener(event, () => others(dim));
    root.append(path);
  });
  // Above the lines, so that no line crosses what is to be read.
  root.append(...labels);
  return root;
}

const MOST_LABELS = 12;
const shortened = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// Labels moved apart until no two are closer than a line, from the top down and, past the bottom, back up.
function apart(labels, gap = 13, bottom = Infinity) {
  const placed = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y);
  for (let i = 1; i < placed.length; i++) placed[i].y = Math.max(placed[i].y, placed[i - 1].y + gap);
  for (let i = placed.length - 1; i >= 0; i--) placed[i].y = Math.min(placed[i].y, i === placed.length - 1 ? bottom : placed[i + 1].y - gap);
  return placed;
}

// points: [{name, colour, x, y}]
function scatterChart(points, options) {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const pad = (Math.max(...ys) - Math.min(...ys)) * 0.1 || 0.01;
  const x = { low: Math.min(...xs) * 0.7, high: Math.max(...xs) * 1.4, log: true, text: options.xText, title: options.title };
  const { root, toX, toY } = frame({ x, y: { low: Math.min(...ys) - pad, high: Math.max(...ys) + pad, text: options.yText }, label: options.label });
  const taken = [];
  for (const point of points) {
    const [cx, cy] = [toX(point.x), toY(point.y)];
    root.append(svg("circle", { cx, cy, r: 5, fill: point.colour }, tip(`${point.name}: ${options.yText(point.y)}, ${options.xText(point.x)}`)));
    const name = shortened(point.name, 24);
    const wide = 6.2 * name.length;
    const left = cx + wide + 10 > 440 ? cx - wide - 8 : cx + 8;
    const free = (y) => taken.every((box) => left > box.right || left + wide < box.left || Math.abs(y - box.y) >= 12);
    const y = [4, 16, -8, 28, -20, 40, 52, 64, 76].map((shift) => cy + shift).find(free) ?? cy;
    taken.push({ left, right: left + wide, y });
    root.append(svg("text", { class: "name halo", x: left, y }, name));
  }
  return root;
}
