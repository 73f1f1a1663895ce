/** Noise between two noise vectors, as of `olaria.sampling.latent`, and noise by number. */

import { normals } from "./fresh.js";
import { sigmoid } from "./tensor.js";
import { uniforms } from "./sampling.js";

const NEAR = 1e-4; // of an angle

/**
 * A vector on the way from one to another.
 * @param {number[]} a
 * @param {number[]} b
 * @param {number} t part of the way, in [0, 1]
 * @param {boolean} isArc whether the way is turned by equal angles (White 2016), and not straight
 * @returns {number[]}
 */
export function between(a, b, t, isArc) {
  let [own, other] = [1 - t, t];
  if (isArc) {
    const product = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const cosine = product(a, b) / Math.sqrt(product(a, a) * product(b, b));
    // Kept off 0 and π, where the sine in the denominator vanishes.
    const angle = Math.min(Math.PI - NEAR, Math.max(NEAR, Math.acos(Math.min(1, Math.max(-1, cosine)))));
    [own, other] = [1 - t, t].map((part) => Math.sin(part * angle) / Math.sin(angle));
  }
  return a.map((value, i) => own * value + other * b[i]);
}

/**
 * Noise of N(0, 1), always the same for a number.
 * @param {number} number
 * @param {number} length
 * @returns {number[]}
 */
export const noiseOf = (number, length) => Array.from({ length }, normals(uniforms(number)));

/**
 * What a logit is read as: a probability, where the loss takes it for the logit of one.
 * @param {number} logit
 * @param {boolean} isLogistic
 */
export const readAs = (logit, isLogistic) => (isLogistic ? sigmoid(logit) : logit);
