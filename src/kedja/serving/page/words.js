// Which words an answer hangs on: each is left out in turn, and the service asked again (occlusion, Zeiler and Fergus 2014).
// It needs no gradients, so that it works for every model; the words of long texts are left out a few together.

import { predictMany } from "./api.js";
import { element } from "./view.js";

const MOST = 48; // times that the service is asked, in as few requests as it allows
const BATCH = 16;

/** The text's words with the white space behind each. */
export function words(text) {
  return text.match(/\s*\S+\s*/g) ?? [];
}

/** For each word how much less probable the class is without it: [{ word, weight }]. */
export async function weigh(text, answer) {
  const all = words(text);
  const size = Math.ceil(all.length / MOST);
  const groups = Array.from({ length: Math.ceil(all.length / size) }, (_, i) => [i * size, Math.min(all.length, (i + 1) * size)]);
  const without = groups.map(([from, to]) => all.slice(0, from).concat(all.slice(to)).join(""));
  // Nothing is left of a text of one word, and nothing is no text.
  const asked = without.map((rest) => rest.trim() || "…");
  const answers = [];
  for (let start = 0; start < asked.length; start += BATCH) answers.push(...await predictMany("texts", asked.slice(start, start + BATCH)));
  const index = answer.class_index;
  return groups.flatMap(([from, to], i) => all.slice(from, to).map((word) => ({ word, weight: answer.probabilities[index] - answers[i].probabilities[index] })));
}

/** The words, those that speak for the class in its colour and those against it in another, the stronger the more. */
export function shown(weighed, name) {
  const most = Math.max(1e-9, ...weighed.map(({ weight }) => Math.abs(weight)));
  const told = weighed.map(({ word, weight }) => {
    const share = Math.abs(weight) / most;
    if (share < 0.1) return word;
    const mark = element("mark", { title: `${weight > 0 ? "for" : "against"} ${name}: ${(100 * Math.abs(weight)).toFixed(1)} points` }, word);
    mark.style.background = `color-mix(in srgb, var(${weight > 0 ? "--accent" : "--bad"}) ${Math.round(10 + 50 * share)}%, transparent)`;
    return mark;
  });
  return element("p", { className: "words", dir: "auto" }, ...told);
}
