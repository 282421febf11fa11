// Rows: a form that is made from the columns, how a row looks in the history, and what changed its answer most.
// `setUp` is called once, with the model.

import { predictMany } from "./api.js";
import { byId, clear, element } from "./view.js";

const INPUT = `
      <form id="row" class="columns">
        <div id="row-fields" class="fields"></div>
        <div class="actions">
          <button type="submit" class="primary">Classify</button>
          <button type="button" id="row-typical">Typical values</button>
          <button type="button" id="row-files">Files…</button>
        </div>
      </form>
      <p id="unseen" class="hint" role="status" hidden></p>
      <input id="files" type="file" accept=".json,application/json" multiple hidden aria-label="Rows">`;
const WHY = `
      <section id="why" aria-labelledby="why-title" hidden>
        <h3 id="why-title"></h3>
        <p class="quiet">How much less it would be said if one column alone had its typical value</p>
        <ol id="why-bars" class="bars" aria-labelledby="why-title"></ol>
      </section>`;
const SHOWN = 3;
const CAUSES = 6;
const SECONDS_OF_A_DAY = 86400;

let columns = [];
let classes = [];

/** What the model takes, in a few words. */
export function facts(input) {
  return `rows of ${input.columns.length} columns`;
}

/** `use(blobs)` takes named examples: `{ blob, name }`. */
export function setUp(model, use) {
  ({ columns } = model.input);
  ({ classes } = model);
  byId("kind-input").innerHTML = INPUT;
  byId("result").insertAdjacentHTML("beforeend", WHY);
  byId("row-fields").append(...columns.map(field));
  fill(typicalRow());
  const files = byId("files");
  byId("row").addEventListener("submit", (event) => {
    event.preventDefault();
    const row = read();
    use([{ blob: new Blob([JSON.stringify(row)], { type: "application/json" }), name: title(row) }]);
  });
  byId("row-typical").addEventListener("click", () => fill(typicalRow()));
  byId("row-files").addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    use([...files.files].map((file) => ({ blob: file, name: file.name })));
    files.value = "";
  });
}

/** Show an item where it was put in, or nothing for null. */
export async function show(item) {
  const unseen = Object.entries(item?.answer?.unseen ?? {});
  byId("unseen").hidden = !unseen.length;
  byId("unseen").textContent = `Not in the training data: ${unseen.map(([name, value]) => `${name} “${value}”`).join(", ")}.`;
  if (!item?.answer || show.explained !== item) byId("why").hidden = true;
  if (!item?.blob) return;
  const row = await item.blob.text().then(JSON.parse).catch(() => null);
  if (!row || typeof row !== "object") return;
  // What is being written stays when an answer arrives for the same item.
  if (show.shown !== item) fill(row);
  show.shown = item;
  if (item.answer && show.explained !== item) {
    show.explained = item;
    await explain(row, item);
  }
}

export function thumbnail(item) {
  const said = element("em", { dir: "auto" });
  item.blob.text().then((text) => { said.textContent = title(JSON.parse(text)); }).catch(() => { said.textContent = item.name; });
  return said;
}

function field(column, index) {
  const id = `column-${index}`;
  const unit = column.unit ? ` (${column.unit})` : "";
  return element("div", {}, element("label", { htmlFor: id }, `${column.name}${unit}`), control(column, id));
}

function control(column, id) {
  if (column.type === "category" || column.type === "boolean") {
    const select = element("select", { id, className: "field" }, element("option", { value: "" }, "not known"));
    for (const category of [...column.categories].sort()) select.append(element("option", { value: category }, category));
    return select;
  }
  const range = [column.low, column.high].map((value) => text(column, value));
  const input = element("input", { id, className: "field", placeholder: `${range[0]} to ${range[1]}`, title: `${range[0]} to ${range[1]}` });
  if (column.type === "number") Object.assign(input, { type: "number", step: "any" });
  return input;
}

function text(column, value) {
  if (column.type !== "date") return String(Number(value.toPrecision(6)));
  const iso = new Date(value * 1000).toISOString();
  return value % SECONDS_OF_A_DAY ? iso.slice(0, 19) : iso.slice(0, 10);
}

function typical(column) {
  if (column.type === "number") return column.typical;
  if (column.type === "boolean") return column.typical === 1;
  // A date in a form of its own is best left open.
  if (column.type === "date") return column.format ? null : text(column, column.typical);
  return column.categories[column.typical];
}

function typicalRow() {
  return Object.fromEntries(columns.map((column) => [column.name, typical(column)]));
}

function fill(row) {
  columns.forEach((column, index) => {
    const value = row[column.name];
    const place = byId(`column-${index}`);
    if (place.tagName === "SELECT" && value !== null && value !== undefined && ![...place.options].some((one) => one.value === String(value))) {
      place.append(element("option", { value: String(value) }, String(value)));
    }
    place.value = value === null || value === undefined ? "" : String(value);
  });
}

function read() {
  return Object.fromEntries(columns.map((column, index) => [column.name, valueOf(column, byId(`column-${index}`).value)]));
}

function valueOf(column, said) {
  if (said === "") return null;
  if (column.type === "number") return Number(said);
  return column.type === "boolean" ? said === "true" : said;
}

/** Ask for the row with each column in turn at its typical value; show which of them moved the answer most. */
async function explain(row, item) {
  const { class_index: best, probabilities } = item.answer;
  const others = columns.filter((column) => row[column.name] !== typical(column));
  if (!others.length) return;
  const asked = others.map((column) => ({ ...row, [column.name]: typical(column) }));
  const answers = await predictMany("rows", asked).catch(() => null);
  if (!answers || show.shown !== item) return;
  const moved = others.map((column, index) => ({ column, by: probabilities[best] - answers[index].probabilities[best] }));
  moved.sort((a, b) => Math.abs(b.by) - Math.abs(a.by));
  const most = Math.max(0.01, ...moved.map(({ by }) => Math.abs(by)));
  byId("why-title").textContent = `What speaks for ${classes[best]}`;
  const bars = byId("why-bars");
  clear(bars);
  for (const { column, by } of moved.slice(0, CAUSES)) {
    const track = element("span", { className: "track" }, element("span", { className: "fill" }));
    track.firstChild.style.cssText = `display:block;width:${100 * Math.abs(by) / most}%`;
    const said = `${column.name} ${row[column.name] ?? "not known"}`;
    const value = `${by < 0 ? "−" : "+"}${(100 * Math.abs(by)).toFixed(1)} %`;
    bars.append(element("li", { className: by > 0 ? "top" : "" }, element("span", { className: "name", title: said }, said), track, element("span", { className: "value" }, value)));
  }
  byId("why").hidden = false;
}

function title(row) {
  return columns.slice(0, SHOWN).map((column) => row[column.name] ?? "—").join(", ");
}
