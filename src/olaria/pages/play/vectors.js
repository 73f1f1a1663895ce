/**
 * How alike the vectors of tokens are: cosines, and the nearest neighbours by them.
 */

import { dot } from "./tensor.js";

/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * Cosine of the angle between one row of a table and each: 1 for the same direction, 0 for a right angle; 0 where a row
 * is all zeros and has no direction.
 * @param {Tensor} table (V, C), a row for each token
 * @param {number} id
 * @param {boolean} isCentred whether rows are compared without their mean, as the logits of a bigram are
 * @returns {Float32Array} (V,)
 */
export function cosines(table, id, isCentred = false) {
  const [count, width] = table.shape;
  const rows = isCentred ? centred(table) : table.data;
  const lengths = Float32Array.from({ length: count }, (_, row) =>
    Math.sqrt(dot(rows, row * width, rows, row * width, width)),
  );
  return Float32Array.from({ length: count }, (_, row) => {
    const product = dot(rows, row * width, rows, id * width, width);
    return product && product / (lengths[row] * lengths[id]);
  });
}

/**
 * The tokens nearest to one, the nearest first; of equals the first.
 * @param {Tensor} table (V, C)
 * @param {number} id
 * @param {{count?: number, among?: number[] | null, isCentred?: boolean}} options `among` are the ids to choose from;
 *   all unless given
 * @returns {{id: number, cosine: number}[]}
 */
export function nearest(table, id, { count = 10, among = null, isCentred = false } = {}) {
  const alike = cosines(table, id, isCentred);
  return (among ?? Array.from(alike, (_, other) => other))
    .filter((other) => other !== id)
    .sort((a, b) => alike[b] - alike[a])
    .slice(0, count)
    .map((other) => ({ id: other, cosine: alike[other] }));
}

/**
 * Rows without their mean, as a new array.
 * @param {Tensor} table (V, C)
 */
function centred({ data, shape: [count, width] }) {
  const out = data.slice();
  for (let row = 0; row < count; row++) {
    let mean = 0;
    for (let j = 0; j < width; j++) mean += data[row * width + j] / width;
    for (let j = 0; j < width; j++) out[row * width + j] -= mean;
  }
  return out;
}
