// What is served beside what the model was trained on: a verdict, and a small histogram a feature.

import { getJson } from "./api.js";
import { setUpKey } from "./key.js";
import { byId, element } from "./view.js";

const SECONDS = 10;
const WIDTH = 240;
const HEIGHT = 100;
const SVG = "http://www.w3.org/2000/svg";

const COLOURS = { stable: "stable", "moderate shift": "moderate", "strong shift": "strong" };
const MEANINGS = {
  brightness: "mean of the pixels, 0 black to 255 white",
  contrast: "how far the pixels spread around their mean",
  sharpness: "how much neighbouring pixels differ",
  width: "in pixels, before resizing",
  height: "in pixels, before resizing",
  aspect: "above 1 is wider than high",
  class: "how often each was named",
  confidence: "probability of the named class",
  familiarity: "how like the training’s; below the bundle’s threshold an answer says unknown",
};
const TITLES = { width: "file width", height: "file height", aspect: "width ÷ height", class: "predicted class" };
const EXPLANATIONS = {
  stable: "What is served is distributed like the training images, as far as these figures can tell.",
  "moderate shift": "What is served differs from the training images. Look at what comes in.",
  "strong shift": "What is served is clearly not like the training images. The model’s accuracy on it is unknown.",
  "not enough images yet": "A verdict needs some hundreds of images; a strong shift shows from fifty on.",
  "no reference": "The bundle was exported without a reference. Export it again to compare.",
  off: "The service was started with drift=0.",
};

async function renew() {
  try {
    show(await getJson("drift"));
  } catch (error) {
    byId("verdict").textContent = error.message;
    byId("explanation").textContent = error.remedy ?? "";
  }
}

function show(report) {
  byId("model-name").textContent = `${report.model.name} – drift`;
  byId("model-facts").textContent = `version ${report.model.version} · ${report.images.toLocaleString("en")} images compared`;
  const verdict = byId("verdict");
  verdict.className = COLOURS[report.verdict] ?? "";
  const names = report.shifted.map(title).join(", ");
  verdict.textContent = names ? `${report.verdict}: ${names}` : report.verdict;
  byId("explanation").textContent = EXPLANATIONS[report.verdict] ?? "";
  byId("legend").hidden = !report.features.length;
  byId("features").replaceChildren(...report.features.map(card));
}

function title(name) {
  return TITLES[name] ?? name;
}

function card(feature) {
  const words = feature.images ? feature.verdict : "";
  const verdict = element("span", { className: `verdict ${COLOURS[words] ?? "quiet"}` }, words);
  const ends = element("p", { className: "ends quiet" }, element("span", {}, feature.bins[0]), element("span", {}, feature.bins.at(-1)));
  return element(
    "article", { className: "panel feature" },
    element("div", { className: "row" }, element("h3", {}, title(feature.name)), verdict),
    element("p", { className: "quiet" }, MEANINGS[feature.name] ?? ""),
    picture(feature),
    ends,
    ...figures(feature).map((line) => element("p", { className: "quiet" }, line)),
  );
}

function figures({ images, psi, psi_by_chance: chance }) {
  if (!images) return ["Nothing served yet has this property."];
  return [`Difference ${psi.toFixed(3)} over ${images.toLocaleString("en")} images`, `By chance below ${chance.toFixed(3)}`];
}

/** Two bars a bin, training and served; the highest fills the height. */
function picture(feature) {
  const { bins, reference, served, name } = feature;
  const highest = Math.max(...reference, ...served);
  const step = WIDTH / bins.length;
  const bar = (kind, share, left) => {
    const height = (HEIGHT * share) / highest;
    return shape("rect", { class: kind, x: left, y: HEIGHT - height, width: step * 0.4, height });
  };
  const pairs = bins.map((words, index) => {
    const hover = shape("title", {});
    hover.textContent = `${words}: training ${percent(reference[index])}, served ${percent(served[index])}`;
    const space = shape("rect", { x: index * step, y: 0, width: step, height: HEIGHT, fill: "transparent" });
    const group = shape("g", {});
    group.append(hover, space, bar("reference", reference[index], (index + 0.1) * step), bar("served", served[index], (index + 0.5) * step));
    return group;
  });
  const drawn = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  drawn.setAttribute("aria-label", `${title(name)}: shares of training and served images in ${bins.length} bins`);
  drawn.append(...pairs);
  return drawn;
}

function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

setUpKey();
await renew();
setInterval(() => { if (!document.hidden) renew(); }, SECONDS * 1000);
