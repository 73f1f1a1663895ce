/**
 * The averaging trick in four versions, as in `olaria.nn.averaging`: how a position comes to know what lies before it.
 *
 * The first three are the same mean of all vectors up to a position: by loops, by a product with a lower-triangular
 * matrix, and by the same matrix made by a masked softmax. The fourth has weights that depend on the vectors:
 * self-attention. All give the matrix of weights, too, but for the loops, which have none.
 */

import { dot, linear, matmul, softmax, transposed } from "./tensor.js";

/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * @typedef {object} Averaged
 * @property {Tensor} weights (T, T): row t has the weights of position t
 * @property {Tensor} mean (T, C), or (T, E) of values
 */

/**
 * Version 1: for each position, the mean of what has come.
 * @param {Tensor} x (T, C)
 * @returns {Tensor} (T, C)
 */
export function averageByLoops(x) {
  const [count, width] = x.shape;
  const mean = new Float32Array(count * width);
  for (let t = 0; t < count; t++) {
    for (let j = 0; j < width; j++) {
      let sum = 0;
      for (let s = 0; s <= t; s++) sum += x.data[s * width + j];
      mean[t * width + j] = sum / (t + 1);
    }
  }
  return { data: mean, shape: [count, width] };
}

/**
 * Version 2: all loops at once, as a product with the matrix whose row t holds 1 / (t + 1) up to place t.
 * @param {Tensor} x (T, C)
 * @returns {Averaged}
 */
export function averageByProduct(x) {
  const count = x.shape[0];
  const weights = new Float32Array(count * count);
  for (let t = 0; t < count; t++) weights.fill(1 / (t + 1), t * count, t * count + t + 1);
  return averaged(weights, x);
}

/**
 * Version 3: the same weights from scores that are all 0, and -Infinity for the future.
 * @param {Tensor} x (T, C)
 * @returns {Averaged}
 */
export function averageBySoftmax(x) {
  return averaged(maskedSoftmax(new Float32Array(x.shape[0] ** 2), x.shape[0]), x);
}

/**
 * Version 4: a score for each pair instead of 0, softmax(Q Kᵀ / √D + M) V with Q = X W_q, K = X W_k and V = X W_v.
 * @param {Tensor} x (T, C)
 * @param {{query: Tensor, key: Tensor, value: Tensor}} head W_q, W_k (C, D) and W_v (C, E)
 * @param {number} factor of the queries: 1 as they are; where it is 0 this is version 3 of V
 * @returns {Averaged}
 */
export function averageByAttention(x, { query, key, value }, factor = 1) {
  const count = x.shape[0];
  const size = query.shape[1];
  const [q, k, v] = [query, key, value].map((matrix) => linear(transposed(matrix), x.data));
  const scores = new Float32Array(count * count);
  for (let t = 0; t < count; t++) {
    for (let s = 0; s <= t; s++) {
      scores[t * count + s] = factor * size ** -0.5 * dot(q, t * size, k, s * size, size);
    }
  }
  return averaged(maskedSoftmax(scores, count), { data: v, shape: [count, value.shape[1]] });
}

/**
 * The softmax function of each row's places up to its own; what comes after has the weight 0.
 * @param {Float32Array} scores (T, T), changed in place
 * @param {number} count T
 */
function maskedSoftmax(scores, count) {
  for (let t = 0; t < count; t++) {
    softmax(scores, t * count, t + 1);
    scores.fill(0, t * count + t + 1, (t + 1) * count);
  }
  return scores;
}

/**
 * @param {Float32Array} weights (T, T)
 * @param {Tensor} x (T, C)
 * @returns {Averaged}
 */
function averaged(weights, x) {
  const [count, width] = x.shape;
  const data = matmul(weights, x.data, count, count, width);
  return {
    weights: { data: weights, shape: [count, count] },
    mean: { data, shape: [count, width] },
  };
}
