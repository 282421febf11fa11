// The dialogue that asks for an API key, on every page that has `<dialog id="key">`.

import { onKeyNeeded } from "./api.js";
import { byId } from "./view.js";

export function setUpKey() {
  const dialog = byId("key");
  let asking = null;
  onKeyNeeded(() => {
    asking ??= new Promise((resolve) => {
      byId("key-input").value = "";
      dialog.showModal();
      dialog.addEventListener("close", () => { asking = null; resolve(byId("key-input").value.trim()); }, { once: true });
    });
    return asking;
  });
}
