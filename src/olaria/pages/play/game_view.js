/** How a game of points is drawn: the discriminator's surface as ground, both kinds of points, and arrows. */

import { channelsOf, contextOf, makeCanvas, onResize } from "./canvas.js";

const STRONGEST = 0.6; // of the surface's colours: points lie on it
const NUM_REAL = 300;
const REACH = 0.09; // of the window: an arrow where the loss falls by 1 in a spread of the data
const LONGEST = 0.16;
const EDGE = 3; // of the canvas, in CSS pixels

/**
 * @typedef {object} Scene
 * @property {number[]} window left, right, bottom, top
 * @property {Float32Array} surface in [0, 1], (side, side)
 * @property {number} side
 * @property {Float32Array} real (count, 2)
 * @property {Float32Array} generated (count, 2)
 * @property {Float32Array | null} pull of the first generated points; no arrows where null
 * @property {number} spread of the data
 * @property {Float32Array[]} batch points of the batch that is in play: real ones, then generated ones; may be empty
 */

/**
 * @param {number} size in CSS pixels
 * @param {any} colours of the page
 * @param {string} label what is seen
 */
export function makeView(size, colours, label) {
  const canvas = makeCanvas(size, size, { role: "img", "aria-label": label });
  canvas.className = "game";
  const context = contextOf(canvas);
  const [red, blue, ground] = [colours.clay, colours.blue, colours.ground].map(channelsOf);
  /** @type {Scene | null} */
  let last = null;
  onResize(canvas, () => last && draw(last));
  /** @param {Scene} scene */
  const draw = (scene) => {
    last = scene;
    const { window: [left, right, bottom, top], real, generated, pull, spread, batch } = scene;
    // What lies beyond the window is drawn at its edge.
    const inside = (value) => Math.min(size - EDGE, Math.max(EDGE, value));
    const place = (points, i) => [
      inside((points[i] - left) / (right - left) * size),
      inside((top - points[i + 1]) / (top - bottom) * size),
    ];
    const unit = size / (canvas.clientWidth || size); // of a pixel of the screen, where the page is narrow
    drawSurface(context, scene, size, [red, blue, ground]);
    const dots = (points, count, radius, colour, edge) => {
      context.fillStyle = colour;
      context.strokeStyle = edge;
      context.lineWidth = unit;
      for (let i = 0; i < 2 * Math.min(count, points.length / 2); i += 2) {
        context.beginPath();
        const [x, y] = place(points, i);
        context.arc(x, y, radius * unit, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
      }
    };
    context.globalAlpha = 0.7;
    dots(real, NUM_REAL, 2, colours.blue, "#ffffff00");
    context.globalAlpha = 1;
    if (pull) drawArrows(context, generated, pull, place, colours.ink, REACH * spread * size, LONGEST * size, unit);
    dots(generated, Infinity, 2.4, colours.sand, colours.ink);
    if (batch[0]) dots(batch[0], Infinity, 4, colours.blue, colours.ground);
    if (batch[1]) dots(batch[1], Infinity, 4, colours.sand, colours.ground);
  };
  return { canvas, draw };
}

/** Red below a half, blue above, the ground at it, as the static figures have it. */
function drawSurface(context, { surface, side }, size, [red, blue, ground]) {
  const small = document.createElement("canvas");
  small.width = small.height = side;
  const data = new ImageData(side, side);
  surface.forEach((value, i) => {
    const certainty = 2 * value - 1, colour = certainty > 0 ? blue : red;
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = ground[c] + STRONGEST * Math.abs(certainty) * (colour[c] - ground[c]);
    data.data[4 * i + 3] = 255;
  });
  contextOf(small).putImageData(data, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, size, size);
}

/** Their lengths are gradients, on one scale for the whole game, so that a gradient that vanishes is seen to. */
function drawArrows(context, points, pull, place, colour, scale, longest, unit) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.3 * unit;
  for (let i = 0; i < pull.length; i += 2) {
    const length = scale * Math.hypot(pull[i], pull[i + 1]), drawn = Math.min(length, longest);
    if (!(drawn > unit)) continue;
    const [x, y] = place(points, i), angle = Math.atan2(-pull[i + 1], pull[i]);
    const head = Math.min(6 * unit, drawn / 2);
    const [endX, endY] = [x + drawn * Math.cos(angle), y + drawn * Math.sin(angle)];
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(endX, endY);
    for (const turn of [2.6, -2.6]) {
      context.moveTo(endX, endY);
      context.lineTo(endX + head * Math.cos(angle + turn), endY + head * Math.sin(angle + turn));
    }
    context.stroke();
  }
}
