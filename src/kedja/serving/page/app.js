// Images come in by drop, choice, paste, random sample, drawing or camera; every one goes the same way:
// it joins the history, is sent to the service, and is shown with its answer.

import { getJson, predict, sample } from "./api.js";
import { setUpCamera } from "./camera.js";
import { setUpDrawing } from "./draw.js";
import { setUpKey } from "./key.js";
import { renderMarkdown } from "./markdown.js";
import { byId, clear, element, show } from "./view.js";

const PARALLEL = 4;
const HISTORY = 40;

const items = [];
const waiting = [];
let running = 0;
let classes = [];

function add(blob, name, label = null) {
  const item = { blob, name, label, url: URL.createObjectURL(blob), answer: null, error: null };
  items.unshift(item);
  for (const old of items.splice(HISTORY)) URL.revokeObjectURL(old.url);
  waiting.push(item);
  return item;
}

function addFiles(files) {
  const images = [...files];
  if (!images.length) return;
  const added = images.map((file) => add(file, file.name || "pasted image"));
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
  const list = byId("history-list");
  clear(list);
  for (const item of items) list.append(element("li", {}, thumbnail(item)));
  byId("history").hidden = items.length < 2;
}

function thumbnail(item) {
  const said = item.answer?.predicted_class ?? (item.error ? "refused" : "…");
  const picture = element("img", { src: item.url, alt: "", className: "small-source" });
  const button = element("button", { type: "button", className: "thumb" }, picture, element("span", {}, said));
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

function setUpInput() {
  const drop = byId("drop");
  const files = byId("files");
  drop.addEventListener("click", () => files.click());
  files.addEventListener("change", () => { addFiles(files.files); files.value = ""; });
  // The whole page takes drops: a near miss must not replace the page with the image.
  addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    addFiles(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => addFiles(event.clipboardData.files));
  byId("random").addEventListener("click", takeRandom);
  byId("history-clear").addEventListener("click", () => {
    for (const item of items.splice(0)) URL.revokeObjectURL(item.url);
    select(null);
    byId("random").focus();
  });
}

function setUpDialogs() {
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  byId("card-open").addEventListener("click", () => byId("card").showModal());
}

async function setUpModel() {
  const model = await getJson("model");
  classes = model.classes;
  document.title = `${model.name} · Kedja`;
  byId("model-name").textContent = model.name;
  const { height, width, channels } = model.input;
  byId("model-facts").textContent =
    `version ${model.version} · ${classes.length} classes · ${width}×${height} ${channels === 1 ? "grey" : "colour"}`;
  renderMarkdown(byId("card-text"), model.model_card || "The bundle has no model card.");
  const use = (blob, name) => { select(add(blob, name)); pump(); };
  setUpCamera((blob) => use(blob, "camera picture"));
  if (channels === 1) setUpDrawing((blob) => use(blob, "drawing"));
}

setUpKey();
setUpInput();
setUpDialogs();
setUpModel().catch((error) => { byId("model-facts").textContent = error.message; });
