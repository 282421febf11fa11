// Examples come in by the widgets of their kind (`image.js` and its like), or as random samples; every one goes the
// same way: it joins the history, is sent to the service, and is shown with its answer.

import { getJson, predict, sample } from "./api.js";
import { setUpKey } from "./key.js";
import { renderMarkdown } from "./markdown.js";
import { byId, clear, element, show } from "./view.js";

const PARALLEL = 4;
const HISTORY = 40;

const items = [];
const waiting = [];
let running = 0;
let classes = [];
// The module with the widgets of the model's kind.
let kind = null;

function add(blob, name, label = null) {
  const item = { blob, name, label, url: URL.createObjectURL(blob), answer: null, error: null };
  items.unshift(item);
  for (const old of items.splice(HISTORY)) URL.revokeObjectURL(old.url);
  waiting.push(item);
  return item;
}

function use(examples) {
  if (!examples.length) return;
  const added = examples.map(({ blob, name }) => add(blob, name));
  select(added[0]);
  pump();
}

async function pump() {
  while (running < PARALLEL && waiting.length) {
    const item = waiting.shift();
    running++;
    predict(item.blob)
      .then((answer) => { item.answer = answer; })
      .catch((error) => { item.error = error; })
      .finally(() => { running--; refresh(); pump(); });
  }
}

let current = null;

function select(item) {
  current = item;
  refresh();
}

function refresh() {
  show(current, classes);
  kind?.show(current);
  const button = byId("why");
  button.hidden = !kind?.explain || !current?.answer;
  button.setAttribute("aria-pressed", String(Boolean(current?.why)));
  kind?.explain?.(current?.why && current.answer ? current : null);
  const list = byId("history-list");
  clear(list);
  for (const item of items) list.append(element("li", {}, thumbnail(item)));
  byId("history").hidden = items.length < 2;
}

/** Ask once more, and why; kinds that can show it have an `explain`. */
async function why() {
  const item = current;
  const button = byId("why");
  if (item.why || item.answer.explanation) {
    item.why = !item.why;
    return refresh();
  }
  button.disabled = true;
  try {
    item.answer = { ...(await predict(item.blob, true)), milliseconds: item.answer.milliseconds };
    item.why = true;
  } catch (error) {
    byId("status").append(element("p", { className: "failure" }, error.message));
    return;
  } finally {
    button.disabled = false;
  }
  refresh();
}

function thumbnail(item) {
  const said = item.answer?.predicted_class ?? (item.error ? "refused" : "…");
  const button = element("button", { type: "button", className: "thumb" }, kind?.thumbnail(item) ?? "", element("span", {}, said));
  button.title = item.name;
  button.setAttribute("aria-label", `${item.name}: ${said}`);
  button.setAttribute("aria-current", String(item === current));
  if (item.error) button.classList.add("failed");
  button.addEventListener("click", () => select(item));
  return button;
}

async function takeRandom() {
  const button = byId("random");
  button.disabled = true;
  try {
    const { blob, label } = await sample();
    select(add(blob, "random sample", label));
    pump();
  } catch (error) {
    current = { error, name: "random sample" };
    refresh();
  } finally {
    button.disabled = false;
    button.focus();
  }
}

function setUpHistory() {
  byId("random").addEventListener("click", takeRandom);
  byId("why").addEventListener("click", why);
  byId("history-clear").addEventListener("click", () => {
    for (const item of items.splice(0)) URL.revokeObjectURL(item.url);
    select(null);
    byId("random").focus();
  });
}

function setUpDialogs() {
  // One listener for all: a kind brings dialogs of its own later.
  addEventListener("click", ({ target }) => target.closest("[data-close]")?.closest("dialog").close());
  byId("card-open").addEventListener("click", () => byId("card").showModal());
}

async function setUpModel() {
  const model = await getJson("model");
  classes = model.classes;
  document.title = `${model.name} · Kedja`;
  kind = await import(`./${model.kind}.js`);
  kind.setUp(model, use);
  // Last: whoever sees the name can drop, paste and draw.
  byId("model-name").textContent = model.name;
  byId("model-facts").textContent =
    `version ${model.version} · ${classes.length} classes · ${kind.facts(model.input)}`;
  // The dialogue has a title already: the model's own name, which stands first in the card.
  byId("card-title").textContent = `Model card of ${model.name}`;
  renderMarkdown(byId("card-text"), (model.model_card || "The bundle has no model card.").replace(/^\s*# .*\n/, ""));
}

setUpKey();
setUpHistory();
setUpDialogs();
setUpModel().catch((error) => { byId("model-facts").textContent = error.message; });
