/**
 * Normal clusters of one shape, on their way from noise, as of `olaria.objectives.modes`.
 */

import { addScaled, dot, linear, transposed } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */

/**
 * Variance of a coordinate at a time, not quite 0.
 * @param {number} t
 * @param {number} variance in the data
 */
export const sizeOf = (t, variance) => Math.max(1e-6, (1 - t) ** 2 + t ** 2 * variance);

/**
 * How much of the distance from the mean the velocity of a normal coordinate is.
 * @param {number} t
 * @param {number} variance in the data
 */
export const shareOf = (t, variance) => (t * variance - (1 - t)) / sizeOf(t, variance);

/**
 * @param {Opened} opened
 * @param {string} prefix
 * @returns {(x: Float32Array, t: number, y?: number | null) => Float32Array} the mean velocity at a place and a time,
 *   of a class, or of all examples where none is given
 */
export function fittedModes(opened, prefix) {
  const [mean, centres, inside, outside] = ["mean", "centres", "inside", "outside"].map(
    (name) => opened.tensor(`${prefix}.${name}`).data,
  );
  const weights = opened.tensor(`${prefix}.weights`);
  const [rows, number] = weights.shape;
  const axes = opened.tensor(`${prefix}.axes`);
  const across = transposed(axes);
  const count = inside.length;
  const squares = centres.map((value) => value * value);
  return (x, t, y) => {
    const own = weights.data.subarray((y ?? rows - 1) * number, ((y ?? rows - 1) + 1) * number);
    const u = x.map((value, i) => value - t * mean[i]);
    const along = linear(across, u);
    const pulls = along.map((value, i) => (t * value) / sizeOf(t, inside[i]));
    const costs = inside.map((variance) => (-0.5 * t * t) / sizeOf(t, variance));
    const scores = Array.from(own, (weight, k) => {
      const at = k * count;
      return weight + dot(pulls, 0, centres, at, count) + dot(costs, 0, squares, at, count);
    });
    const largest = scores.reduce((a, b) => Math.max(a, b));
    const shares = scores.map((score) => Math.exp(score - largest));
    const total = shares.reduce((a, b) => a + b);
    const m = new Float32Array(count);
    shares.forEach((share, k) => addScaled(m, 0, centres, k * count, share / total, count));
    const rest = shareOf(t, outside[0]);
    const within = m.map((value, i) => value + shareOf(t, inside[i]) * (along[i] - t * value) - rest * along[i]);
    return linear(axes, within).map((value, i) => value + mean[i] + rest * u[i]);
  };
}
