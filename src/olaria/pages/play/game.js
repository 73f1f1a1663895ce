/**
 * The losses of both sides of a GAN's game and their gradients, as of `olaria.objectives.adversarial`.
 *
 * Logits l are of real (r) and generated (f) examples, and D = σ(l).
 */

import { sigmoid, softplus } from "./tensor.js";

/**
 * The loss of one logit, and its slope.
 * @callback Term
 * @param {number} l
 * @returns {[number, number]}
 */

/** @type {Term} -log D */
const real = (l) => [softplus(-l), -sigmoid(-l)];
/** @type {Term} -log(1 - D) */
const fake = (l) => [softplus(l), sigmoid(l)];
/** @type {(goal: number) => Term} */
const near = (goal) => (l) => [0.5 * (l - goal) ** 2, l - goal];
/** @type {(sign: number) => Term} */
const hinge = (sign) => (l) => (1 + sign * l > 0 ? [1 + sign * l, sign] : [0, 0]);
/** @type {(sign: number) => Term} */
const raw = (sign) => (l) => [sign * l, sign];

/**
 * By the name of the game: the discriminator's terms of a real and of a generated example, and the generator's.
 * @type {Record<string, {real: Term, fake: Term, generator: Term}>}
 */
export const LOSSES = {
  minimax: { real, fake, generator: (l) => [-softplus(l), -sigmoid(l)] },
  "non-saturating": { real, fake, generator: real },
  "least-squares": { real: near(1), fake: near(0), generator: near(1) },
  hinge: { real: hinge(-1), fake: hinge(1), generator: raw(-1) },
  wasserstein: { real: raw(-1), fake: raw(1), generator: raw(-1) },
};

/**
 * The mean of a term over logits, and its gradient.
 * @param {Term} term
 * @param {Float32Array} logits
 * @returns {{loss: number, gradient: Float32Array}}
 */
export function meanOf(term, logits) {
  const gradient = new Float32Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const [value, slope] = term(logits[i]);
    sum += value;
    gradient[i] = slope / logits.length;
  }
  return { loss: sum / logits.length, gradient };
}

/**
 * The mean of a penalty on slopes, and its gradient by them, as of `olaria.objectives.penalties`.
 * @param {"gradient" | "r1"} kind `gradient`: (‖g‖ - 1)²; `r1`: ‖g‖²
 * @param {Float32Array} slopes g, (count, size)
 * @param {number} size
 * @returns {{penalty: number, gradient: Float32Array}}
 */
export function slopePenalty(kind, slopes, size) {
  const count = slopes.length / size;
  const gradient = new Float32Array(slopes.length);
  let sum = 0;
  for (let at = 0; at < slopes.length; at += size) {
    let squares = 0;
    for (let i = at; i < at + size; i++) squares += slopes[i] ** 2;
    const length = Math.sqrt(squares + 1e-12);
    sum += kind === "r1" ? squares : (length - 1) ** 2;
    const factor = kind === "r1" ? 2 : (2 * (length - 1)) / length;
    for (let i = at; i < at + size; i++) gradient[i] = (factor * slopes[i]) / count;
  }
  return { penalty: sum / count, gradient };
}
