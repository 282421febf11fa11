// Images: the widgets of this kind, and how one looks in the history. `setUp` is called once, with the model.

import { setUpCamera } from "./camera.js";
import { setUpDrawing } from "./draw.js";
import { heatMap } from "./heat.js";
import { byId, element } from "./view.js";

const INPUT = `
      <button type="button" id="drop" class="drop" aria-describedby="drop-hint">
        <img id="preview" alt="" hidden>
        <canvas id="heat" hidden></canvas>
        <span id="drop-hint" class="hint">
          <svg viewBox="0 0 24 24" width="40" height="40" aria-hidden="true"><path d="M12 16V5m0 0 4 4m-4-4L8 9M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/></svg>
          <strong>Drop images here</strong>
          <span>or press to choose, or paste one</span>
        </span>
      </button>
      <input id="files" type="file" accept="image/*" multiple hidden aria-label="Images">`;
const BUTTONS = `
        <button type="button" id="draw-open" hidden>Draw</button>
        <button type="button" id="camera-open" hidden>Camera</button>`;
const DIALOGS = `
  <dialog id="draw" aria-labelledby="draw-title">
    <h2 id="draw-title">Draw</h2>
    <p id="pad-hint" class="quiet"></p>
    <canvas id="pad" width="280" height="280" role="img" aria-label="Drawing pad"></canvas>
    <div class="actions">
      <button type="button" id="pad-use" class="primary" disabled>Classify</button>
      <button type="button" id="pad-clear">Clear</button>
      <button type="button" data-close>Close</button>
    </div>
  </dialog>

  <dialog id="camera" aria-labelledby="camera-title">
    <h2 id="camera-title">Camera</h2>
    <video id="video" playsinline muted></video>
    <div class="actions">
      <button type="button" id="camera-take" class="primary">Take a picture</button>
      <button type="button" data-close>Close</button>
    </div>
  </dialog>`;

let input = null;

/** What the model takes, in a few words. */
export function facts({ height, width, channels }) {
  return `${width}×${height} ${channels === 1 ? "grey" : "colour"}`;
}

/** `use(blobs)` takes named examples: `{ blob, name }`. */
export function setUp(model, use) {
  input = model.input;
  byId("kind-input").innerHTML = INPUT;
  byId("random").insertAdjacentHTML("afterend", BUTTONS);
  document.body.insertAdjacentHTML("beforeend", DIALOGS);
  const drop = byId("drop");
  const files = byId("files");
  const take = (list) => use([...list].map((file) => ({ blob: file, name: file.name || "pasted image" })));
  drop.addEventListener("click", () => files.click());
  files.addEventListener("change", () => { take(files.files); files.value = ""; });
  // The whole page takes drops: a near miss must not replace the page with the image.
  addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => take(event.clipboardData.files));
  setUpCamera((blob) => use([{ blob, name: "camera picture" }]));
  if (model.input.channels === 1) setUpDrawing(model.classes, (blob) => use([{ blob, name: "drawing" }]));
}

/** Show an item where it was put in, or nothing for null. */
export function show(item) {
  const picture = byId("preview");
  const drop = byId("drop");
  // Browsers show fewer formats than the service reads, and nothing of what is no image at all.
  const shown = Boolean(item?.url) && !item.error && !item.unseen;
  picture.hidden = !shown;
  drop.classList.toggle("filled", shown);
  drop.setAttribute("aria-label", shown ? `${item.name}; choose other images` : "Choose images");
  if (!shown || picture.src === item.url) return;
  picture.onload = () => picture.classList.toggle("small-source", picture.naturalWidth < 100);
  picture.onerror = () => { picture.hidden = true; drop.classList.remove("filled"); item.unseen = true; };
  picture.src = item.url;
}

/** Lay what spoke for the class over the picture; null takes it away. */
export function explain(item) {
  const heat = byId("heat");
  heat.hidden = !item || byId("preview").hidden;
  byId("drop").setAttribute("aria-description", heat.hidden ? "" : `Pink is what speaks for ${item.answer.predicted_class}`);
  if (!heat.hidden) heatMap(heat, byId("preview"), item.answer.explanation.weights, input);
}

export function thumbnail(item) {
  const instead = () => element("span", { className: "no-picture", ariaHidden: "true" }, item.error ? "✕" : "no preview");
  if (item.error || item.unseen) return instead();
  const image = element("img", { src: item.url, alt: "", className: "small-source" });
  image.onerror = () => { item.unseen = true; image.replaceWith(instead()); };
  return image;
}
