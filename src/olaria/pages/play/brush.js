/** What a hand does to an image (C, H, W) with values in [0, 1]; every function gives a new one. */

const LEVELS = 51; // of a pixel in an address: every fifth of the 255 of a file
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const WIDTH = 0.055; // half of a stroke, of the shorter side: strokes of MNIST are about three pixels of 28
const STEP = 0.4; // pixels from one dab of a stroke to the next
const SHIFT = 14; // of the width, by which an image is shifted
const NOISE = 0.3; // standard deviation

/**
 * An image of one colour.
 * @param {number[]} shape [C, H, W]
 * @param {number} value
 */
export const plain = ([channels, height, width], value) => new Float32Array(channels * height * width).fill(value);

// -- strokes -------------------------------------------------------------------------------------------

/**
 * @typedef {object} Stroke
 * @property {Float32Array} base the image beneath
 * @property {Float32Array} cover (H, W), how much of each pixel is painted over
 * @property {number[]} colour of each channel
 * @property {number[] | null} at where it has come to
 */

/**
 * @param {Float32Array} base
 * @param {number[]} shape
 * @param {number[]} colour of each channel
 * @returns {Stroke}
 */
export const beginStroke = (base, [, height, width], colour) =>
  ({ base, cover: new Float32Array(height * width), colour, at: null });

/**
 * Go on with a stroke, straight, and see the image with it: base + cover · (colour − base).
 * @param {Stroke} stroke
 * @param {number[]} shape
 * @param {number[]} to x and y in pixels of the image, from its left upper corner
 */
export function paint(stroke, [channels, height, width], to) {
  const from = stroke.at ?? to, [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const dabs = Math.max(1, Math.ceil(Math.hypot(dx, dy) / STEP));
  for (let i = 1; i <= dabs; i++) {
    dab(stroke.cover, height, width, from[0] + dx * i / dabs, from[1] + dy * i / dabs);
  }
  stroke.at = to;
  const image = stroke.base.slice(), size = height * width;
  for (let i = 0; i < channels * size; i++) image[i] += stroke.cover[i % size] * (stroke.colour[Math.floor(i / size)] - image[i]);
  return image;
}

/** A soft round dot: whole within the radius less half a pixel, nothing beyond half a pixel more. */
function dab(cover, height, width, x, y) {
  const radius = WIDTH * Math.min(height, width), reach = Math.ceil(radius + 1);
  for (let row = Math.max(0, Math.floor(y) - reach); row < Math.min(height, y + reach + 1); row++) {
    for (let column = Math.max(0, Math.floor(x) - reach); column < Math.min(width, x + reach + 1); column++) {
      const ink = radius + 0.5 - Math.hypot(column + 0.5 - x, row + 0.5 - y), at = row * width + column;
      cover[at] = Math.max(cover[at], Math.min(1, ink));
    }
  }
}

// -- the whole image -----------------------------------------------------------------------------------

/**
 * What is taken from where: each pixel of a channel from the place that `from` names, or from the paper.
 * @param {Float32Array} pixels
 * @param {number[]} shape
 * @param {number} paper
 * @param {(row: number, column: number) => number[] | null} from row and column
 */
function taken(pixels, [channels, height, width], paper, from) {
  const size = height * width;
  return pixels.map((_, i) => {
    const place = from(Math.floor(i % size / width), i % width);
    return place ? pixels[Math.floor(i / size) * size + place[0] * width + place[1]] : paper;
  });
}

/**
 * What can be done with an image, by name.
 * @type {Record<string, (pixels: Float32Array, shape: number[], paper: number, normal: () => number) => Float32Array>}
 */
export const CHANGES = {
  shift: (pixels, shape, paper) => {
    const by = Math.max(1, Math.round(shape[2] / SHIFT));
    return taken(pixels, shape, paper, (row, column) => (column < by ? null : [row, column - by]));
  },
  // A quarter to the left; an image that is not square is mirrored.
  turn: (pixels, shape, paper) => taken(pixels, shape, paper, (row, column) =>
    (shape[1] === shape[2] ? [column, shape[2] - 1 - row] : [row, shape[2] - 1 - column])),
  halve: (pixels, shape, paper) =>
    taken(pixels, shape, paper, (row, column) => (column < shape[2] >> 1 ? [row, column] : null)),
  invert: (pixels) => pixels.map((value) => 1 - value),
  disturb: (pixels, _shape, _paper, normal) =>
    pixels.map((value) => Math.min(1, Math.max(0, value + NOISE * normal()))),
};

// -- in an address -------------------------------------------------------------------------------------

/**
 * The image with the values that an address can hold.
 * @param {Float32Array} pixels
 */
export const settled = (pixels) => pixels.map((value) => Math.round(value * LEVELS) / LEVELS);

/**
 * A settled image as text: a letter for each value, after it how often it comes, where that is more than once.
 * @param {Float32Array} pixels
 */
export const writePixels = (pixels) =>
  Array.from(pixels, (value) => LETTERS[Math.round(value * LEVELS)]).join("")
    .replace(/(.)\1+/g, (run, letter) => letter + run.length);

/**
 * @param {string} text of `writePixels`
 * @param {number} size numbers of the image
 * @returns {Float32Array | null} null where the text is none of such an image
 */
export function readPixels(text, size) {
  if (!/^([A-Za-z]\d*)+$/.test(text)) return null;
  const pixels = new Float32Array(size);
  let at = 0;
  for (const [, letter, count] of text.matchAll(/([A-Za-z])(\d*)/g)) {
    const end = at + Number(count || 1);
    if (end > size) return null;
    pixels.fill(LETTERS.indexOf(letter) / LEVELS, at, end);
    at = end;
  }
  return at === size ? pixels : null;
}
