// Texts: a box to write in, and how a text looks in the history. `setUp` is called once, with the model.

import { byId, clear, element } from "./view.js";
import { shown, weigh } from "./words.js";

const INPUT = `
      <form id="write" class="write">
        <label for="text" class="hint">A text (Ctrl-Enter classifies it)</label>
        <textarea id="text" rows="6" dir="auto" spellcheck="false" required></textarea>
        <div class="actions">
          <button type="submit" class="primary">Classify</button>
          <button type="button" id="text-files">Files…</button>
        </div>
      </form>
      <p id="cut" class="hint" role="status" hidden></p>
      <div id="which" class="which" hidden>
        <button type="button" id="which-words">Which words?</button>
        <div id="which-shown" role="status"></div>
      </div>
      <input id="files" type="file" accept=".txt,text/plain" multiple hidden aria-label="Texts">`;
const SHOWN = 60;

/** What the model takes, in a few words. */
export function facts({ length }) {
  return `texts of up to ${length} tokens`;
}

/** `use(blobs)` takes named examples: `{ blob, name }`. */
export function setUp(model, use) {
  byId("kind-input").innerHTML = INPUT;
  const text = byId("text");
  const files = byId("files");
  const send = () => {
    if (text.value.trim()) use([{ blob: new Blob([text.value], { type: "text/plain" }), name: title(text.value) }]);
  };
  byId("write").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
  });
  byId("which-words").addEventListener("click", () => explain(show.shown));
  byId("text-files").addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    use([...files.files].map((file) => ({ blob: file, name: file.name })));
    files.value = "";
  });
}

/** Show an item where it was put in, or nothing for null. */
export async function show(item) {
  const cut = item?.answer?.truncated;
  byId("which").hidden = !item?.answer;
  clear(byId("which-shown"));
  if (item?.words) byId("which-shown").append(shown(item.words, item.answer.predicted_class));
  byId("cut").hidden = !cut;
  if (cut) byId("cut").textContent = `Only the first ${cut.read} of ${cut.tokens} tokens were read.`;
  if (!item?.blob || show.shown === item) return;
  // What is being written stays when an answer arrives for the same item.
  show.shown = item;
  byId("text").value = await item.blob.text();
}

/** Mark the words that the answer hangs on; asks the service once for each word, and once for each item. */
async function explain(item) {
  const button = byId("which-words");
  button.disabled = true;
  try {
    item.words ??= await weigh(await item.blob.text(), item.answer);
    await show(item);
  } catch (error) {
    byId("which-shown").textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

export function thumbnail(item) {
  const said = element("em", { dir: "auto" });
  item.blob.text().then((text) => { said.textContent = title(text); });
  return said;
}

function title(text) {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}
