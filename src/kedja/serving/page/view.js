// The answer to the chosen example.

const FIRST_BARS = 5;
let allBars = false;

const UNKNOWN = "Unlike anything it was trained on: probably none of its classes.";
const SENTENCES = {
  "unknown-format": (name) => `“${name}” is not a picture that this service can read.`,
  empty: (name) => `“${name}” is an empty file.`,
  truncated: (name) => `“${name}” ends too early: part of the file is missing.`,
  corrupt: (name) => `“${name}” is damaged.`,
  "too-large": (name) => `“${name}” is too large.`,
};

export const byId = (id) => document.getElementById(id);

export const clear = (node) => node.replaceChildren();

export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Show what was said of an item, or the empty page for null. */
export function show(item, classes) {
  clear(byId("bars"));
  byId("bars-all").hidden = true;
  const status = byId("status");
  status.setAttribute("aria-busy", String(Boolean(item && !item.answer && !item.error)));
  if (!item) status.replaceChildren(element("p", { className: "placeholder" }, "The answer appears here."));
  else if (item.error) showFailure(status, item);
  else if (item.answer) showAnswer(status, item, classes);
  else status.replaceChildren(element("p", { className: "placeholder" }, "Asking the model …"));
}

/** What happened, in a person's words where there are any. */
function showFailure(status, { name, error }) {
  const words = SENTENCES[error.code]?.(name) ?? error.message;
  status.replaceChildren(element("p", { className: "failure" }, words));
  if (error.remedy) status.append(element("p", {}, sentence(error.remedy)));
}

function sentence(text) {
  return text[0].toUpperCase() + text.slice(1) + (/[.?!…]$/.test(text) ? "" : ".");
}

function showAnswer(status, item, classes) {
  const { predicted_class: name, class_index: index, probabilities, milliseconds } = item.answer;
  const facts = element("p", { className: "facts" }, `${item.name} · ${milliseconds.toFixed(0)} ms`);
  if (item.label !== null) facts.append(" · ", verdict(name === item.label, item.label));
  status.replaceChildren(
    element(
      "p",
      { className: "answer" },
      element("span", { className: "class" }, name),
      element("span", { className: "share" }, percent(probabilities[index])),
    ),
    facts,
  );
  if (item.answer.known === false) status.append(element("p", { className: "unknown" }, UNKNOWN));
  showBars(probabilities, classes);
}

function verdict(right, label) {
  return element("span", { className: right ? "good" : "bad" }, right ? `✓ truly ${label}` : `✗ truly ${label}`);
}

/** Most probable first; beyond five on demand. */
function showBars(probabilities, classes) {
  const bars = byId("bars");
  const order = probabilities.map((_, index) => index).sort((a, b) => probabilities[b] - probabilities[a]);
  const many = order.length > FIRST_BARS;
  const shown = many && !allBars ? order.slice(0, FIRST_BARS) : order;
  clear(bars);
  for (const index of shown) bars.append(bar(classes[index], probabilities[index], index === order[0]));
  const more = byId("bars-all");
  more.hidden = !many;
  more.textContent = allBars ? "Show the first five" : `Show all ${classes.length} classes`;
  more.onclick = () => { allBars = !allBars; showBars(probabilities, classes); };
}

function bar(name, probability, isTop) {
  const fill = element("div", { className: "fill" });
  fill.style.width = `${(100 * probability).toFixed(2)}%`;
  const track = element("div", { className: "track" }, fill);
  track.setAttribute("aria-hidden", "true");
  return element(
    "li",
    { className: isTop ? "top" : "" },
    element("span", { className: "name", title: name }, name),
    track,
    element("span", { className: "value" }, percent(probability)),
  );
}

function percent(probability) {
  const share = 100 * probability;
  if (share > 0 && share < 0.01) return "< 0.01 %";
  return `${share.toFixed(share >= 99.995 || share === 0 ? 0 : 2)} %`;
}
