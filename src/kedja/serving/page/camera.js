// A picture from the camera, where the browser has one to offer.

import { byId } from "./view.js";

export async function setUpCamera(use) {
  const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
  if (!devices?.some((device) => device.kind === "videoinput")) return;
  const dialog = byId("camera");
  const video = byId("video");
  const stop = () => { for (const track of video.srcObject?.getTracks() ?? []) track.stop(); video.srcObject = null; };
  byId("camera-open").hidden = false;
  byId("camera-open").addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      byId("camera-open").hidden = true; // refused or taken by another program
      return;
    }
    dialog.showModal();
    await video.play();
  });
  dialog.addEventListener("close", stop);
  byId("camera-take").addEventListener("click", () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    dialog.close();
    canvas.toBlob((blob) => use(blob), "image/jpeg", 0.92);
  });
}
