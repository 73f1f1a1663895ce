/** An image that is drawn on, by pointer, finger and keys. */

import { beginStroke, paint } from "./brush.js";
import { contextOf, drawImage, makeCanvas } from "./canvas.js";

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAR = 4; // pixels of a key with Shift

/** @typedef {import("./brush.js").Stroke} Stroke */

/**
 * @param {number} side width in CSS pixels
 * @param {number[]} shape [C, H, W]
 * @param {string} label
 * @param {string} cursorColour
 * @param {() => Float32Array} read the image
 * @param {() => number[]} colour of the pen, of each channel
 * @param {(pixels: Float32Array) => void} changed
 */
export function makePad(side, shape, label, cursorColour, read, colour, changed) {
  const [, height, width] = shape;
  const canvas = makeCanvas(side, side * height / width, { tabindex: 0, role: "application", "aria-label": label });
  canvas.className = "pad";
  const context = contextOf(canvas), unit = side / width;
  const cursor = { at: [Math.floor(width / 2), Math.floor(height / 2)], isShown: false };
  /** @type {Stroke | null} */
  let stroke = null;
  const draw = () => {
    drawImage(canvas, read(), shape);
    if (!cursor.isShown) return;
    context.strokeStyle = cursorColour;
    context.lineWidth = stroke ? 4 : 2;
    context.strokeRect(...cursor.at.map((place) => place * unit), unit, unit);
  };
  const go = (to) => changed(paint(/** @type {Stroke} */ (stroke), shape, to));
  const begin = (to) => { stroke = beginStroke(read(), shape, colour()); go(to); };
  const end = () => { stroke = null; };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height];
  };
  const middle = () => cursor.at.map((one) => one + 0.5);
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture?.(event.pointerId);
    cursor.isShown = false;
    begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons && stroke) go(place(event)); });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, end);
  canvas.addEventListener("blur", () => { cursor.isShown = false; end(); draw(); });
  canvas.addEventListener("keydown", (event) => {
    const move = KEYS[event.key], isPen = event.key === " " || event.key === "Enter";
    if (!move && !isPen) return;
    event.preventDefault();
    cursor.isShown = true;
    if (move) {
      const by = event.shiftKey ? FAR : 1, sides = [width, height];
      cursor.at = cursor.at.map((one, axis) => Math.min(sides[axis] - 1, Math.max(0, one + by * move[axis])));
      if (stroke) go(middle());
    } else if (stroke) end();
    else begin(middle());
    draw();
  });
  return { canvas, draw, end };
}
