/** Codes as a map: projected, searched for neighbours, chosen by a line drawn around them. */

import { decodeBase64, toFloats } from "play/weights.js";

/**
 * The codes of test images, as the studio tells them.
 * @typedef {object} Codes
 * @property {number} count
 * @property {number} total of the test images, of which these are some
 * @property {number} latent numbers in a code
 * @property {Float32Array} codes (count, latent)
 * @property {Uint8Array} thumbs (count, C, h, w)
 * @property {number[]} thumb [C, h, w]
 * @property {number[]} shape [C, H, W]
 * @property {number[] | null} labels class of each image
 * @property {string[]} classNames
 * @property {boolean} isTold whether the decoder is given the class
 * @property {number[]} order dimensions, those that vary most first
 * @property {number[]} mean
 * @property {number[]} spread
 * @property {{axes: number[][], shares: number[]}} components
 * @property {{light: any, dark: any}} colours
 */

/**
 * How codes are seen in a plane: by two of their dimensions, or by their two principal components.
 * @typedef {object} View
 * @property {number[] | null} dims
 * @property {number[][]} axes unit vectors
 * @property {number[]} mean that the axes begin at; zeros where two dimensions are seen
 */

/** @param {any} told @returns {Codes} */
export const opened = (told) => ({
  ...told, codes: toFloats(decodeBase64(told.codes)), thumbs: Uint8Array.from(decodeBase64(told.thumbs)),
});

/** @param {Codes} of @param {number} row @returns {number[]} */
export const codeOf = ({ codes, latent }, row) => Array.from(codes.subarray(row * latent, (row + 1) * latent));

/** @param {Codes} of @param {number} row @returns {Float32Array} pixels in [0, 1] of the small image */
export function thumbOf({ thumbs, thumb }, row) {
  const size = thumb[0] * thumb[1] * thumb[2];
  return Float32Array.from(thumbs.subarray(row * size, (row + 1) * size), (value) => value / 255);
}

/**
 * @param {Codes} codes
 * @param {number[] | null} dims two of the dimensions; the principal components where null
 * @returns {View}
 */
export function viewOf({ latent, components, mean }, dims) {
  if (!dims) return { dims, axes: components.axes, mean };
  const unit = (place) => Array.from({ length: latent }, (_, i) => Number(i === place));
  return { dims, axes: dims.map(unit), mean: Array(latent).fill(0) };
}

/** Where a code lies in the plane. @param {ArrayLike<number>} z @param {View} view */
export const placeOf = (z, { axes, mean }) =>
  axes.map((axis) => axis.reduce((sum, part, i) => sum + part * (z[i] - mean[i]), 0));

/**
 * The code at a place: what of it the plane does not show stays as it is.
 * @param {number[]} z
 * @param {View} view
 * @param {number[]} to
 */
export function movedTo(z, view, to) {
  if (view.dims) {
    const next = [...z];
    view.dims.forEach((place, i) => { next[place] = to[i]; });
    return next;
  }
  const from = placeOf(z, view);
  return z.map((value, i) => value + view.axes.reduce((sum, axis, j) => sum + axis[i] * (to[j] - from[j]), 0));
}

/** Every code in the plane, (count, 2). @param {Codes} codes @param {View} view */
export function projected(codes, view) {
  const found = new Float32Array(2 * codes.count);
  for (let row = 0; row < codes.count; row++) {
    const z = codes.codes.subarray(row * codes.latent, (row + 1) * codes.latent);
    const at = view.dims ? view.dims.map((place) => z[place]) : placeOf(z, view);
    found[2 * row] = at[0];
    found[2 * row + 1] = at[1];
  }
  return found;
}

/**
 * What of the plane is seen: all points, with a little room around them.
 * @param {Float32Array} points (count, 2)
 * @returns {{low: number[], high: number[]}}
 */
export function windowOf(points) {
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  points.forEach((value, i) => {
    low[i % 2] = Math.min(low[i % 2], value);
    high[i % 2] = Math.max(high[i % 2], value);
  });
  const room = low.map((value, axis) => 0.04 * (high[axis] - value) || 1);
  return { low: low.map((value, axis) => value - room[axis]), high: high.map((value, axis) => value + room[axis]) };
}

/**
 * The nearest other codes of a point, by the Euclidean distance of all their numbers; never by places in the plane.
 * @param {Codes} codes
 * @param {number} row
 * @param {number} k
 * @returns {{row: number, distance: number}[]} nearest first, of equal ones the first
 */
export function neighboursOf({ codes, count, latent }, row, k) {
  const found = [];
  for (let other = 0; other < count; other++) {
    let sum = 0;
    for (let i = 0; i < latent; i++) sum += (codes[row * latent + i] - codes[other * latent + i]) ** 2;
    if (other !== row) found.push({ row: other, distance: Math.sqrt(sum) });
  }
  return found.sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, k);
}

/**
 * The points inside a closed line: those from which a ray crosses it an odd number of times.
 * @param {Float32Array} points (count, 2)
 * @param {number[][]} line corners
 * @param {(row: number) => boolean} isSeen
 */
export function inside(points, line, isSeen) {
  const rows = [];
  for (let row = 0; row < points.length / 2; row++) {
    const x = points[2 * row], y = points[2 * row + 1];
    let isIn = false;
    line.forEach(([x1, y1], i) => {
      const [x2, y2] = line[(i + 1) % line.length];
      if (y1 > y !== y2 > y && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) isIn = !isIn;
    });
    if (isIn && isSeen(row)) rows.push(row);
  }
  return rows;
}

/**
 * The seen points nearest to a place of the plane, within a reach.
 * @param {Float32Array} points (count, 2)
 * @param {number[]} at
 * @param {number[]} unit of each axis: distances are counted in these
 * @param {number} reach
 * @param {number} most
 * @param {(row: number) => boolean} isSeen
 * @returns {number[]} rows, nearest first
 */
export function nearPlace(points, at, unit, reach, most, isSeen) {
  const found = [];
  for (let row = 0; row < points.length / 2; row++) {
    const apart = Math.hypot((points[2 * row] - at[0]) / unit[0], (points[2 * row + 1] - at[1]) / unit[1]);
    if (apart <= reach && isSeen(row)) found.push([apart, row]);
  }
  return found.sort((a, b) => a[0] - b[0]).slice(0, most).map(([, row]) => row);
}

/**
 * How many of some images each class has, the most frequent first.
 * @param {Codes} codes
 * @param {number[]} rows
 * @returns {{label: number, count: number}[]} none where classes are unknown
 */
export function byClass({ labels }, rows) {
  if (!labels) return [];
  const counts = new Map();
  for (const row of rows) counts.set(labels[row], (counts.get(labels[row]) ?? 0) + 1);
  return [...counts].map(([label, count]) => ({ label, count })).sort((a, b) => b.count - a.count || a.label - b.label);
}

// -- in the address --------------------------------------------------------------------------------

const short = (value) => String(Number(value.toPrecision(4)));

/** @param {number[]} values */
export const writeNumbers = (values) => values.map(short).join(",");

/** @param {string | undefined} text @param {number} [count] @returns {number[] | null} null where it holds no such numbers */
export function readNumbers(text, count) {
  const values = text ? text.split(",").map((part) => (part.trim() ? Number(part) : NaN)) : [];
  return values.length && values.every(Number.isFinite) && (count === undefined || values.length === count) ? values : null;
}

/** Corners of a line, at most so many. @param {number[][]} line @param {number} most */
export function writeLine(line, most) {
  const every = Math.ceil(line.length / most);
  return writeNumbers(line.filter((_, i) => i % every === 0).flat());
}

/** @param {string | undefined} text @returns {number[][]} */
export function readLine(text) {
  const values = readNumbers(text) ?? [];
  return values.length >= 6 && values.length % 2 === 0 ? Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i], values[2 * i + 1]]) : [];
}
