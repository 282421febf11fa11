// The service's own addresses, seen from the page. Failures are thrown with the server's reason.

const ATTEMPTS = 3;
const UNAUTHORISED = 401;
let askForKey = async () => null;
let key = sessionStorage.getItem("key") ?? "";

/** What asks the person for an API key: a function that resolves to the key, or to null for none. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export class Refusal extends Error {
  constructor(message, remedy, code = "") {
    super(message);
    Object.assign(this, { remedy, code });
  }
}

export async function getJson(path) {
  return check(await send(path));
}

export async function sample() {
  const response = await send("sample", { cache: "no-store" });
  if (!response.ok) await check(response);
  return { blob: await response.blob(), label: decodeURIComponent(response.headers.get("X-Label")) };
}

/** The answer to one example, with the milliseconds it took, network included. */
export async function predict(blob, why = false) {
  const started = performance.now();
  // Whatever it says of itself: the server looks at the bytes.
  const headers = { "Content-Type": "application/octet-stream" };
  const response = await send(why ? "predict?explain=true" : "predict", { method: "POST", body: blob, headers });
  const answer = await check(response);
  return { ...answer, milliseconds: performance.now() - started };
}

/** The answers to several examples at once, given as JSON under their name: `predictMany("texts", […])`. */
export async function predictMany(nouns, values) {
  const headers = { "Content-Type": "application/json" };
  const response = await send("predict", { method: "POST", body: JSON.stringify({ [nouns]: values }), headers });
  return (await check(response)).predictions;
}

async function send(path, options = {}) {
  const asked = key;
  const response = await sendPatiently(path, withKey(options));
  if (response.status !== UNAUTHORISED) return response;
  // Another request may have got the key meanwhile.
  const given = key === asked ? await askForKey() : key;
  if (!given) return response;
  key = given;
  sessionStorage.setItem("key", key);
  return send(path, options);
}

function withKey(options) {
  return key ? { ...options, headers: { ...options.headers, Authorization: `Bearer ${key}` } } : options;
}

async function sendPatiently(path, options) {
  for (let attempt = 1; ; attempt++) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Refusal("The service cannot be reached.", "Is it still running?");
    }
    if (response.status !== 503 || attempt === ATTEMPTS) return response;
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

async function check(response) {
  const value = await response.json().catch(() => null);
  if (response.ok && value) return value;
  const error = value?.error;
  throw new Refusal(error?.message ?? `The service answered with status ${response.status}.`, error?.remedy ?? "", error?.code);
}
