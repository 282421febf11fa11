// What speaks for a class, in pink over the picture, where the model sees it.

const COLOUR = "235, 0, 190";
const OPACITY = 0.65;

/** Draw `weights`, rows from the top, over the part of `picture` that a model with this `input` sees. */
export async function heatMap(canvas, picture, weights, input) {
  await picture.decode();
  const density = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * density, canvas.clientHeight * density];
  Object.assign(canvas, { width, height });
  const shown = contained(picture, width, height);
  const seen = region(picture, input);
  const pen = canvas.getContext("2d");
  pen.beginPath();
  pen.rect(shown.left, shown.top, shown.width, shown.height);
  pen.clip();
  pen.imageSmoothingQuality = "high";
  pen.drawImage(
    grid(weights),
    shown.left + seen.left * shown.width, shown.top + seen.top * shown.height,
    seen.width * shown.width, seen.height * shown.height,
  );
}

/** A picture of a pixel a part. */
function grid(weights) {
  const small = Object.assign(document.createElement("canvas"), { width: weights[0].length, height: weights.length });
  const pen = small.getContext("2d");
  const most = Math.max(...weights.flat(), 1e-12);
  weights.forEach((row, y) => row.forEach((weight, x) => {
    pen.fillStyle = `rgba(${COLOUR}, ${OPACITY * Math.max(0, weight) / most})`;
    pen.fillRect(x, y, 1, 1);
  }));
  return small;
}

/** Where a picture lies that is scaled into a box, as `object-fit: contain` does. */
function contained({ naturalWidth, naturalHeight }, width, height) {
  const scale = Math.min(width / naturalWidth, height / naturalHeight);
  const size = { width: naturalWidth * scale, height: naturalHeight * scale };
  return { ...size, left: (width - size.width) / 2, top: (height - size.height) / 2 };
}

/** What the model sees of a picture, in shares of its sides; with `pad` beyond them. */
function region({ naturalWidth, naturalHeight }, { width, height, resize, crop_fraction: fraction }) {
  if (resize === "stretch") return { left: 0, top: 0, width: 1, height: 1 };
  const [across, down] = [naturalWidth / width, naturalHeight / height];
  const scale = resize === "crop" ? Math.min(across, down) * fraction : Math.max(across, down);
  const size = { width: (width * scale) / naturalWidth, height: (height * scale) / naturalHeight };
  return { ...size, left: (1 - size.width) / 2, top: (1 - size.height) / 2 };
}
