// openapi.json as a page on which every operation can be tried. Needs nothing from elsewhere.

import { inline, renderMarkdown } from "./markdown.js";
import { byId, element } from "./view.js";

const VERBS = ["get", "post", "put", "delete"];
const FORM = "multipart/form-data";

async function start() {
  const api = await (await fetch("openapi.json")).json();
  byId("title").textContent = `${api.info.title} – API`;
  byId("description").textContent = api.info.description ?? "";
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const verb of VERBS.filter((name) => name in verbs)) {
      byId("operations").append(operation(api, path, verb, verbs[verb]));
    }
  }
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted) wanted.open = true;
}

function operation(api, path, verb, description) {
  const inside = element("div", { className: "inside" });
  const [first = "", ...more] = (description.description ?? description.summary ?? "").split("\n\n");
  const explanation = element("div");
  renderMarkdown(explanation, more.join("\n\n"));
  inside.append(explanation);
  const body = description.requestBody ? bodyEditor(api, description.requestBody) : null;
  if (body) inside.append(element("h3", {}, "Body"), body.node);
  const parameters = parameterTable(description.parameters ?? []);
  if (parameters) inside.append(element("h3", {}, "Parameters"), parameters.node);
  const outcome = element("div", { className: "outcome" });
  outcome.setAttribute("role", "status");
  const button = element("button", { type: "button", className: "primary" }, "Try it");
  button.addEventListener("click", () => attempt(path + (parameters?.query() ?? ""), verb, body, outcome));
  inside.append(element("div", { className: "actions" }, button), outcome, element("h3", {}, "Answers"), answers(api, description));
  const summary = element(
    "summary", {},
    element("span", { className: "verb" }, verb.toUpperCase()),
    element("span", { className: "path" }, path),
    element("span", { className: "quiet" }, ...inline(first)),
  );
  const id = `${verb}${path.replaceAll("/", "-")}`;
  return element("details", { className: "panel", id, open: verb === "post" }, summary, inside);
}

function parameterTable(parameters) {
  const shown = parameters.filter((parameter) => parameter.in === "query");
  if (!shown.length) return null;
  const inputs = shown.map((parameter) => [parameter.name, element("input", { type: "text", ariaLabel: parameter.name })]);
  const rows = shown.map((parameter, index) =>
    element("tr", {}, element("td", {}, parameter.name), element("td", {}, inputs[index][1]), element("td", {}, ...inline(parameter.description ?? ""))));
  const query = () => {
    const given = new URLSearchParams(inputs.filter(([, input]) => input.value).map(([name, input]) => [name, input.value]));
    return given.size ? `?${given}` : "";
  };
  return { node: element("table", {}, ...rows), query };
}

/** A choice of content types and examples; `value()` gives what fetch sends. */
function bodyEditor(api, requestBody) {
  const choice = element("select", { ariaLabel: "Kind of body" });
  const text = element("textarea", { ariaLabel: "Body", spellcheck: false });
  const file = element("input", { type: "file", ariaLabel: "File", hidden: true });
  const kinds = [];
  for (const [type, content] of Object.entries(requestBody.content)) {
    const examples = Object.values(content.examples ?? {});
    if (!examples.length) kinds.push({ type, title: `${type} – a file` });
    for (const example of examples) kinds.push({ type, title: `${type} – ${example.summary}`, example: example.value });
  }
  kinds.forEach((kind, index) => choice.append(element("option", { value: String(index) }, kind.title)));
  const selected = () => kinds[Number(choice.value)];
  const update = () => {
    const { example } = selected();
    file.hidden = example !== undefined;
    text.hidden = example === undefined;
    if (example !== undefined) text.value = JSON.stringify(example);
  };
  choice.addEventListener("change", update);
  update();
  const value = () => {
    const { type, example } = selected();
    if (example !== undefined) return { body: text.value, headers: { "Content-Type": type } };
    const chosen = file.files[0];
    if (!chosen) throw new Error("Choose a file first.");
    if (type !== FORM) return { body: chosen, headers: { "Content-Type": type.includes("*") ? chosen.type : type } };
    const form = new FormData();
    form.append("file", chosen);
    return { body: form };
  };
  return { node: element("div", {}, element("div", { className: "row" }, choice, file), text), value };
}

async function attempt(path, verb, body, outcome) {
  try {
    const started = performance.now();
    const response = await fetch(path.slice(1), { method: verb.toUpperCase(), ...(body ? body.value() : {}) });
    const blob = await response.blob();
    const took = `${response.status} ${response.statusText} · ${(performance.now() - started).toFixed(0)} ms`;
    outcome.replaceChildren(element("h3", {}, took), await rendered(response, blob));
  } catch (error) {
    outcome.replaceChildren(element("p", { className: "failure" }, error.message));
  }
}

async function rendered(response, blob) {
  if (blob.type.startsWith("image/")) {
    const label = decodeURIComponent(response.headers.get("X-Label") ?? "");
    return element("figure", {}, element("img", { src: URL.createObjectURL(blob), alt: label }), element("figcaption", {}, label));
  }
  const text = await blob.text();
  if (!blob.type.includes("json")) return element("pre", {}, text);
  return element("pre", {}, readable(JSON.parse(text)));
}

/** Indented JSON with lists of numbers and texts on one line. */
function readable(value) {
  const flat = (match) => match.replace(/\s*\n\s*/g, " ");
  return JSON.stringify(value, null, 2).replace(/\[[^[\]{}]*\]/g, flat);
}

/** What comes back when all is well, then the refusals, whose one shape is said once. */
function answers(api, description) {
  const all = Object.entries(description.responses);
  const refused = all.filter(([status]) => status >= "400");
  const row = ([status, answer], ...more) =>
    element("tr", {}, element("td", {}, status), element("td", {}, ...inline(answer.description), ...more));
  const rows = all.filter(([status]) => status < "400").map((one) => {
    const shape = fields(api, one[1]);
    return row(one, ...(shape.length ? [": ", ...shape] : []));
  });
  const nodes = [element("table", {}, ...rows)];
  if (refused.length) {
    const shape = "Every refusal is `{ error: { code, message, remedy, request_id } }`:";
    nodes.push(element("p", { className: "quiet" }, ...inline(shape)), element("table", {}, ...refused.map((one) => row(one))));
  }
  return element("div", {}, ...nodes);
}

function fields(api, answer) {
  const schema = answer.content?.["application/json"]?.schema;
  const names = (schema?.anyOf ?? [schema]).map((one) => one?.$ref?.split("/").at(-1)).filter(Boolean);
  const shapes = names.map((name) => element("code", {}, `{ ${Object.keys(api.components.schemas[name].properties ?? {}).join(", ")} }`));
  return shapes.flatMap((shape, index) => (index ? [" or ", shape] : [shape]));
}

start().catch((error) => { byId("description").textContent = error.message; });
