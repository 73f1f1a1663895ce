/**
 * The arithmetic that networks share, on flat arrays.
 *
 * Everything is a `Float32Array` whose last dimension lies side by side, as in PyTorch. Sums are taken in the double
 * precision of JavaScript's numbers and stored in single precision.
 */

import { product } from "./products.js";

/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * A new array of given numbers.
 * @param {ArrayLike<number>} values
 * @param {number} length that they must have
 * @returns {Float32Array}
 */
export function vector(values, length) {
  if (values.length !== length) {
    throw new RangeError(`${length} numbers are needed, not ${values.length}`);
  }
  return new Float32Array(values);
}

// -- products ----------------------------------------------------------------------------------------

/**
 * Sum of the products of two runs of numbers.
 *
 * Four sums at once: a processor need not wait for one before it begins the next.
 * @param {Float32Array} a
 * @param {number} i first element of `a`
 * @param {Float32Array} b
 * @param {number} j first element of `b`
 * @param {number} length
 * @returns {number}
 */
export function dot(a, i, b, j, length) {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += a[i + k] * b[j + k];
    s1 += a[i + k + 1] * b[j + k + 1];
    s2 += a[i + k + 2] * b[j + k + 2];
    s3 += a[i + k + 3] * b[j + k + 3];
  }
  for (; k < length; k++) s0 += a[i + k] * b[j + k];
  return s0 + s1 + (s2 + s3);
}

/**
 * A linear layer of one vector or several: X Wᵀ + b.
 * @param {Tensor} weight (out, in)
 * @param {Float32Array} x (count, in)
 * @param {Tensor | null} bias (out,)
 * @param {Float32Array} [out] (count, out)
 * @returns {Float32Array} `out`
 */
export function linear(weight, x, bias = null, out) {
  const [rows, columns] = weight.shape;
  const count = x.length / columns;
  if (!Number.isInteger(count)) throw new RangeError(`${x.length} numbers are no ${columns} each`);
  const y = out ?? new Float32Array(count * rows);
  product(x, [columns, 1], weight.data, [1, columns], [count, columns, rows], y);
  if (bias) for (let at = 0; at < count * rows; at += rows) addScaled(y, at, bias.data, 0, 1, rows);
  return y;
}

/**
 * A linear layer of one vector: W x + b.
 * @param {Tensor} weight (out, in)
 * @param {Float32Array} x (in,)
 * @param {Tensor | null} bias (out,)
 * @param {Float32Array} [out] (out,)
 * @returns {Float32Array} `out`
 */
export function matvec(weight, x, bias = null, out) {
  return linear(weight, x, bias, out);
}

/**
 * A product of matrices, A B.
 * @param {Float32Array} a (m, k)
 * @param {Float32Array} b (k, n)
 * @param {number} m
 * @param {number} k
 * @param {number} n
 * @param {Float32Array} out (m, n)
 * @returns {Float32Array} `out`
 */
export function matmul(a, b, m, k, n, out = new Float32Array(m * n)) {
  return product(a, [k, 1], b, [n, 1], [m, k, n], out);
}

/**
 * Adds a multiple of one run of numbers to another, in place: y ← y + a x.
 * @param {Float32Array} y
 * @param {number} i first element of `y`
 * @param {Float32Array} x
 * @param {number} j first element of `x`
 * @param {number} factor a
 * @param {number} length
 */
export function addScaled(y, i, x, j, factor, length) {
  for (let k = 0; k < length; k++) y[i + k] += factor * x[j + k];
}

/**
 * The transpose of a matrix (rows, columns), as a new one.
 * @param {Tensor} matrix
 * @returns {Tensor}
 */
export function transposed(matrix) {
  const [rows, columns] = matrix.shape;
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) data[j * rows + i] = matrix.data[i * columns + j];
  }
  return { data, shape: [columns, rows] };
}

// -- functions of one number ------------------------------------------------------------------------

/** @param {number} x */
export const relu = (x) => (x > 0 ? x : 0);

/** @param {number} x */
export const squaredRelu = (x) => (x > 0 ? x * x : 0);

/**
 * @param {number} x
 * @param {number} slope for negative numbers
 */
export const leakyRelu = (x, slope = 0.01) => (x > 0 ? x : slope * x);

/** @param {number} x */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** @param {number} x */
export const silu = (x) => x * sigmoid(x);

/** The logarithm of 1 + e^x, for large numbers of either sign. @param {number} x */
export const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * The error function, to 1.2e-7 (Press et al. 1992, *Numerical Recipes in C*, section 6.2, `erfcc`).
 * @param {number} x
 * @returns {number}
 */
export function erf(x) {
  const z = Math.abs(x);
  const t = 1 / (1 + 0.5 * z);
  let sum = 0;
  for (const coefficient of ERFC) sum = sum * t + coefficient;
  const complement = t * Math.exp(-z * z + sum);
  return x >= 0 ? 1 - complement : complement - 1;
}

const ERFC = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
  1.00002368, -1.26551223,
];

/** x Φ(x), by the error function (Hendrycks & Gimpel 2016). @param {number} x */
export const gelu = (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2));

/** The approximation of `gelu` that GPT-2 uses. @param {number} x */
export const geluTanh = (x) =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

/**
 * Functions by the names that settings have.
 * @type {Record<string, (x: number) => number>}
 */
export const ACTIVATIONS = { relu, gelu, silu, "leaky-relu": leakyRelu };

/**
 * Applies a function to each number, in place.
 * @param {Float32Array} x
 * @param {(x: number) => number} f
 * @returns {Float32Array} `x`
 */
export function apply(x, f) {
  for (let i = 0; i < x.length; i++) x[i] = f(x[i]);
  return x;
}

// -- functions of a row -----------------------------------------------------------------------------

/**
 * The softmax function of a run of numbers, in place; an entry of -Infinity becomes 0.
 * @param {Float32Array} x
 * @param {number} start
 * @param {number} length
 * @returns {Float32Array} `x`
 */
export function softmax(x, start = 0, length = x.length) {
  let largest = -Infinity;
  for (let i = start; i < start + length; i++) if (x[i] > largest) largest = x[i];
  let sum = 0;
  for (let i = start; i < start + length; i++) sum += x[i] = Math.exp(x[i] - largest);
  for (let i = start; i < start + length; i++) x[i] /= sum;
  return x;
}

/**
 * Place of the largest number, the first of equal ones.
 * @param {Float32Array} x
 * @returns {number}
 */
export function argmax(x) {
  let best = 0;
  for (let i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
  return best;
}

/**
 * Layer norm of each row, as a new array (Ba et al. 2016).
 * @param {Float32Array} x (count, size)
 * @param {Tensor} weight (size,)
 * @param {Tensor | null} bias (size,)
 * @param {number} epsilon
 * @returns {Float32Array}
 */
export function layerNorm(x, weight, bias = null, epsilon = 1e-5) {
  const size = weight.data.length;
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += size) {
    let mean = 0;
    for (let i = 0; i < size; i++) mean += x[start + i];
    mean /= size;
    let variance = 0;
    for (let i = 0; i < size; i++) variance += (x[start + i] - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / size + epsilon);
    for (let i = 0; i < size; i++) {
      const normed = (x[start + i] - mean) * scale * weight.data[i];
      out[start + i] = bias ? normed + bias.data[i] : normed;
    }
  }
  return out;
}

/** Distance from 1 to the next number of single precision: the epsilon of PyTorch's norm without one. */
export const FLOAT32_EPSILON = 2 ** -23;

/**
 * Root-mean-square norm of each row, without weights, as a new array (Zhang & Sennrich 2019).
 * @param {Float32Array} x (count, size)
 * @param {number} size
 * @param {number} epsilon
 * @returns {Float32Array}
 */
export function rmsNorm(x, size = x.length, epsilon = FLOAT32_EPSILON) {
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += size) {
    const scale = 1 / Math.sqrt(dot(x, start, x, start, size) / size + epsilon);
    for (let i = 0; i < size; i++) out[start + i] = x[start + i] * scale;
  }
  return out;
}
