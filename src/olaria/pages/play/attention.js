/**
 * Attention as all text models use it: softmax(s q kᵀ + M) v, head by head.
 *
 * Vectors of a position hold the heads side by side: (positions, H · D). What is recorded for a page lies head by
 * head, as in Python: (H, T, D) and (H, T, S).
 */

import { dot, softmax, transposed } from "./tensor.js";

/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * @typedef {object} AttentionParts
 * @property {Tensor} queries (H, T, D), as they are compared: normalised and turned where the model does so
 * @property {Tensor} keys (H, S, D), likewise
 * @property {Tensor} values (H, S, D)
 * @property {Tensor} scores (H, T, S); -Infinity where a query may not look
 * @property {Tensor} weights (H, T, S), rows sum to 1
 * @property {Tensor} heads (H, T, D), the weighted sums of the values
 */

/**
 * @typedef {object} Sight
 * @property {number} numHeads H
 * @property {number} width H · D
 * @property {number} numKeys S
 * @property {number} scale s
 * @property {(query: number) => [number, number]} range first key that a query may look at, and the one after the last
 */

/**
 * @param {Float32Array} q (T, H · D)
 * @param {Float32Array} k (S, H · D), or longer
 * @param {Float32Array} v (S, H · D), or longer
 * @param {Sight} sight
 * @param {((parts: AttentionParts) => void) | null} record gets the parts
 * @returns {Float32Array} (T, H · D)
 */
export function attend(q, k, v, sight, record = null) {
  const { numHeads, width, numKeys, scale, range } = sight;
  const size = width / numHeads;
  const count = q.length / width;
  const out = new Float32Array(q.length);
  const row = new Float32Array(numKeys);
  const scores = record ? new Float32Array(numHeads * count * numKeys).fill(-Infinity) : null;
  const weights = record ? new Float32Array(numHeads * count * numKeys) : null;
  for (let t = 0; t < count; t++) {
    const [first, stop] = range(t);
    for (let head = 0; head < numHeads; head++) {
      const column = head * size;
      for (let s = first; s < stop; s++) {
        row[s] = scale * dot(q, t * width + column, k, s * width + column, size);
      }
      const at = (head * count + t) * numKeys + first;
      scores?.set(row.subarray(first, stop), at);
      softmax(row, first, stop - first);
      weights?.set(row.subarray(first, stop), at);
      weightedSum(row, v, first, stop, width, column, size, out, t * width);
    }
  }
  if (record && scores && weights) {
    record({
      queries: splitHeads(q, count, numHeads, size),
      keys: splitHeads(k, numKeys, numHeads, size),
      values: splitHeads(v, numKeys, numHeads, size),
      scores: { data: scores, shape: [numHeads, count, numKeys] },
      weights: { data: weights, shape: [numHeads, count, numKeys] },
      heads: splitHeads(out, count, numHeads, size),
    });
  }
  return out;
}

/**
 * One head's sum of values, each times its weight, of the keys `first` to `stop` - 1.
 * @param {Float32Array} weights (S,)
 * @param {Float32Array} v (S, width)
 * @param {number} first
 * @param {number} stop
 * @param {number} width
 * @param {number} column first feature of the head
 * @param {number} size D
 * @param {Float32Array} out
 * @param {number} start of the position in `out`
 */
function weightedSum(weights, v, first, stop, width, column, size, out, start) {
  const end = column + size;
  let j = column;
  for (; j + 3 < end; j += 4) {
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let s = first, at = first * width + j; s < stop; s++, at += width) {
      const weight = weights[s];
      s0 += weight * v[at];
      s1 += weight * v[at + 1];
      s2 += weight * v[at + 2];
      s3 += weight * v[at + 3];
    }
    out[start + j] = s0;
    out[start + j + 1] = s1;
    out[start + j + 2] = s2;
    out[start + j + 3] = s3;
  }
  for (; j < end; j++) {
    let sum = 0;
    for (let s = first; s < stop; s++) sum += weights[s] * v[s * width + j];
    out[start + j] = sum;
  }
}

/**
 * Heads side by side to one head after the other: (T, H · D) to (H, T, D).
 * @param {Float32Array} x (T, H · D), or longer
 * @param {number} count T
 * @param {number} numHeads H
 * @param {number} size D
 * @returns {Tensor}
 */
export function splitHeads(x, count, numHeads, size) {
  const data = new Float32Array(numHeads * count * size);
  for (let head = 0; head < numHeads; head++) {
    for (let t = 0; t < count; t++) {
      const from = (t * numHeads + head) * size;
      data.set(x.subarray(from, from + size), (head * count + t) * size);
    }
  }
  return { data, shape: [numHeads, count, size] };
}

/**
 * Columns of a matrix, as a new one: of (T, parts · width) one part, (T, width).
 * @param {Float32Array} x
 * @param {number} width
 * @param {number} parts
 * @param {number} part
 * @returns {Float32Array}
 */
export function columns(x, width, parts, part) {
  const count = x.length / (parts * width);
  const out = new Float32Array(count * width);
  for (let t = 0; t < count; t++) {
    const from = (t * parts + part) * width;
    out.set(x.subarray(from, from + width), t * width);
  }
  return out;
}

/**
 * The matrices that make one head's queries, keys and values of a position's vector: x W, (C, D) each.
 * @param {Tensor} qkv queries, keys and values of all heads one below the other, (3 C, C)
 * @param {number} head
 * @param {number} numHeads
 * @returns {{query: Tensor, key: Tensor, value: Tensor}}
 */
export function headMatrices(qkv, head, numHeads) {
  const width = qkv.shape[1];
  const size = width / numHeads;
  const [query, key, value] = [0, 1, 2].map((part) => {
    const first = (part * width + head * size) * width;
    return transposed({
      data: qkv.data.subarray(first, first + size * width),
      shape: [size, width],
    });
  });
  return { query, key, value };
}

/**
 * Rows of a table: an embedding of tokens.
 * @param {Tensor} table (V, width)
 * @param {number[]} ids
 * @returns {Float32Array} (T, width)
 */
export function rows(table, ids) {
  const [size, width] = table.shape;
  const out = new Float32Array(ids.length * width);
  ids.forEach((id, t) => {
    if (!Number.isInteger(id) || id < 0 || id >= size) {
      throw new RangeError(`token ${id} is outside the vocabulary of ${size}`);
    }
    out.set(table.data.subarray(id * width, (id + 1) * width), t * width);
  });
  return out;
}

/**
 * The sum of two arrays, as a new one.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @returns {Float32Array}
 */
export function sum(a, b) {
  const out = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i] + b[i];
  return out;
}

/**
 * Angles t θ_j with θ_j = 10000^(-2j / D), in single precision as PyTorch has them, (count, D / 2) (Su et al. 2021,
 * equation 15).
 * @param {number} count positions t
 * @param {number} size D
 * @returns {{cos: Float32Array, sin: Float32Array}}
 */
export function rotaryAngles(count, size) {
  const half = size / 2;
  const cos = new Float32Array(count * half);
  const sin = new Float32Array(count * half);
  for (let j = 0; j < half; j++) {
    const theta = Math.fround(10_000 ** -Math.fround((2 * j) / size));
    for (let t = 0; t < count; t++) {
      const angle = Math.fround(t * theta);
      cos[t * half + j] = Math.cos(angle);
      sin[t * half + j] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/**
 * Keys and values of the positions that a model has read; a model adds what comes new.
 * @typedef {object} Cache
 * @property {number} length positions
 * @property {{keys: Float32Array, values: Float32Array}[]} layers (capacity, width) each
 */

/**
 * @param {number} numLayers
 * @param {number} capacity positions
 * @param {number} width
 * @returns {Cache}
 */
export function emptyCache(numLayers, capacity, width) {
  const make = () => new Float32Array(capacity * width);
  return {
    length: 0,
    layers: Array.from({ length: numLayers }, () => ({ keys: make(), values: make() })),
  };
}
