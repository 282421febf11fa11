// The drawing pad, for models that look at grey images.

import { sample } from "./api.js";
import { byId } from "./view.js";

const MOST_NAMED = 12;

export async function setUpDrawing(classes, use) {
  const dialog = byId("draw");
  const pad = byId("pad");
  const context = pad.getContext("2d");
  const dark = await darkGround().catch(() => true);
  const wipe = () => {
    context.fillStyle = dark ? "black" : "white";
    context.fillRect(0, 0, pad.width, pad.height);
    byId("pad-use").disabled = true;
  };
  wipe();
  let last = null;
  pad.addEventListener("pointerdown", (event) => { pad.setPointerCapture(event.pointerId); last = place(event); line(last); });
  pad.addEventListener("pointermove", (event) => { if (last) { const next = place(event); line(next); last = next; } });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => { last = null; });

  function place(event) {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
  }

  const what = classes.length > MOST_NAMED ? `one of the ${classes.length} classes` : `one of ${classes.join(", ")}`;
  byId("pad-hint").textContent = `Draw ${what} with mouse, pen or finger, as large as the pad, then press Classify.`;

  function line(to) {
    byId("pad-use").disabled = false;
    Object.assign(context, { strokeStyle: dark ? "white" : "black", lineWidth: 30, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...to);
    context.stroke();
  }

  byId("draw-open").hidden = false;
  byId("draw-open").addEventListener("click", () => dialog.showModal());
  byId("pad-clear").addEventListener("click", wipe);
  byId("pad-use").addEventListener("click", () => {
    dialog.close();
    pad.toBlob((blob) => use(blob), "image/png");
  });
}

/** Whether the model's own images are bright strokes on a dark ground, judged by one of its samples. */
async function darkGround() {
  const { blob } = await sample();
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i];
  return sum / (data.length / 4) < 128;
}
