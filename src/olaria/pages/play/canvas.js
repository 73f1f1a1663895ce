/** Drawing on a canvas: sharp on every screen, images with square pixels. */

import { make } from "./elements.js";

/**
 * What draws on a canvas; every browser has it.
 * @param {HTMLCanvasElement} canvas
 * @returns {any} a `CanvasRenderingContext2D`
 */
export const contextOf = (canvas) => canvas.getContext("2d");

/**
 * A canvas of so many CSS pixels, which may shrink with the page.
 * @param {number} width
 * @param {number} height
 * @param {Record<string, any>} [attributes]
 * @returns {HTMLCanvasElement}
 */
export function makeCanvas(width, height, attributes = {}) {
  const scale = Math.max(1, Math.min(3, globalThis.devicePixelRatio || 1));
  const canvas = make("canvas", { width: Math.round(width * scale), height: Math.round(height * scale), ...attributes });
  canvas.style.maxWidth = "100%";
  canvas.style.width = `${width}px`;
  contextOf(canvas).scale(scale, scale);
  return canvas;
}

/**
 * A canvas for an image, so many CSS pixels wide.
 * @param {number} side
 * @param {number[]} shape [C, H, W]
 * @param {string} [label] what is seen; none where a button around it says so
 */
export const makeImage = (side, [, height, width], label) =>
  makeCanvas(side, side * height / width, label ? { role: "img", "aria-label": label } : {});

/**
 * Red, green and blue of `#rrggbb`, from 0 to 255.
 * @param {string} colour
 */
export const channelsOf = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/**
 * An image (C, H, W) with values in [0, 1] on a canvas, as large as the canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} pixels
 * @param {number[]} shape [C, H, W]; C is 1 or 3
 */
export function drawImage(canvas, pixels, shape) {
  drawWithin(canvas, pixels, shape, [0, 0, canvas.width, canvas.height]);
}

/**
 * Several images (C, H, W) on one canvas, row by row, as large as it lets them be; the first `images.length` places of
 * so many columns.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>[]} images
 * @param {number[]} shape [C, H, W]
 * @param {number} columns
 */
export function drawTiles(canvas, images, shape, columns) {
  const gap = Math.round(canvas.width / 80);
  const width = (canvas.width - gap * (columns - 1)) / columns, height = width * shape[1] / shape[2];
  contextOf(canvas).clearRect(0, 0, canvas.width, canvas.height);
  images.forEach((pixels, i) => {
    const [left, top] = [i % columns * (width + gap), Math.floor(i / columns) * (height + gap)];
    drawWithin(canvas, pixels, shape, [left, top, width, height]);
  });
}

/**
 * An image (C, H, W) with values in [0, 1] as a canvas of its own pixels.
 * @param {ArrayLike<number>} pixels
 * @param {number[]} shape [C, H, W]; C is 1 or 3
 */
export function toCanvas(pixels, [channels, height, width]) {
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  const data = new ImageData(width, height), size = height * width;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = 255 * pixels[(channels === 3 ? c : 0) * size + i] + 0.5;
    data.data[4 * i + 3] = 255;
  }
  contextOf(small).putImageData(data, 0, 0);
  return small;
}

/**
 * An image on a part of a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} pixels
 * @param {number[]} shape [C, H, W]
 * @param {number[]} place left, top, width and height in the canvas's own pixels
 */
function drawWithin(canvas, pixels, shape, place) {
  const context = contextOf(canvas);
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(toCanvas(pixels, shape), ...place);
  context.restore();
}

/**
 * Several canvases side by side.
 * @param {HTMLCanvasElement[]} canvases
 * @param {string} ground
 * @returns {HTMLCanvasElement}
 */
export function sideBySide(canvases, ground) {
  const gap = 20, height = Math.max(...canvases.map((one) => one.height));
  const whole = document.createElement("canvas");
  whole.width = canvases.reduce((sum, one) => sum + one.width + gap, -gap);
  whole.height = height;
  const context = contextOf(whole);
  context.fillStyle = ground;
  context.fillRect(0, 0, whole.width, height);
  let left = 0;
  for (const one of canvases) {
    context.drawImage(one, left, (height - one.height) / 2);
    left += one.width + gap;
  }
  return whole;
}

/**
 * Draw again where a canvas gets another width: letters and lines are sized by the screen, and a part of the page may be
 * hidden at first.
 * @param {HTMLCanvasElement} canvas
 * @param {() => void} draw
 */
export function onResize(canvas, draw) {
  let width = canvas.clientWidth;
  if (typeof ResizeObserver === "undefined") return;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width) return;
    width = canvas.clientWidth;
    draw();
  }).observe(canvas);
}
