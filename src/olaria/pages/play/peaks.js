/** A density with two peaks and the best normal distribution for it, as of `olaria.lessons.kl`. */

import { logDensity } from "./gaussians.js";
import { span } from "./numbers.js";

/** @typedef {import("./gaussians.js").Gaussian} Gaussian */

/**
 * Σ w N(m, s²).
 * @typedef {object} Mixture
 * @property {number[]} weights w, which sum to one
 * @property {Gaussian[]} parts
 */

const REACH = 14, POINTS = 1401; // of the integrals of both divergences
const WIDTH = 8, STEPS = 121; // standard deviations of q around its mean, where the search integrates
const SIDE = 7, FIRST = [0.4, 0.3]; // of the search by halving: candidates, and its reach in the mean and in log std
const FINEST = 1e-6, MOST_ROUNDS = 100;

/**
 * log p(x).
 * @param {Mixture} p
 * @param {number} x
 */
export function logMixture({ weights, parts }, x) {
  const terms = parts.map((part, k) => Math.log(weights[k]) + logDensity(x, ...part)), most = Math.max(...terms);
  return most + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - most), 0));
}

/**
 * The q with the mean and the deviation of p, whose D(p‖q) is the least.
 * @param {Mixture} p
 * @returns {Gaussian}
 */
export function moments({ weights, parts }) {
  const over = (value) => parts.reduce((sum, part, k) => sum + weights[k] * value(...part), 0);
  const mean = over((m) => m);
  return [mean, Math.sqrt(over((m, s) => s * s + (m - mean) ** 2))];
}

/**
 * D(p‖q) and D(q‖p) in nats, by trapezoids.
 * @param {Mixture} p
 * @param {Gaussian} q
 * @returns {[number, number]}
 */
export function both(p, q) {
  const width = 2 * REACH / (POINTS - 1);
  let forward = 0, backward = 0;
  span(-REACH, REACH, POINTS).forEach((x, i) => {
    const logP = logMixture(p, x), logQ = logDensity(x, ...q), share = i === 0 || i === POINTS - 1 ? width / 2 : width;
    forward += share * Math.exp(logP) * (logP - logQ);
    backward += share * Math.exp(logQ) * (logQ - logP);
  });
  return [forward, backward];
}

const U = span(-WIDTH, WIDTH, STEPS);
const SHARES = U.map((u) => Math.exp(logDensity(u, 0, 1)) * 2 * WIDTH / (STEPS - 1));

/**
 * D(q‖p) in nats, with q's entropy in closed form and the rest as a sum over q.
 * @param {Mixture} p
 * @param {number} mean
 * @param {number} std
 */
function backward(p, mean, std) {
  let crossed = 0;
  for (let i = 0; i < STEPS; i++) crossed -= SHARES[i] * logMixture(p, mean + std * U[i]);
  return crossed - 0.5 * Math.log(2 * Math.PI * Math.E) - Math.log(std);
}

/**
 * The q whose D(q‖p) is the least in the valley of a start: the best of a square of candidates, then of a square around
 * it, half as large unless the best was at the edge, and so on. One round at each call, so that the page can draw between them.
 * @param {Mixture} p
 * @param {Gaussian} start
 * @returns {Generator<Gaussian, Gaussian, void>}
 */
export function* searching(p, start) {
  const steps = span(-1, 1, SIDE);
  let [mean, log] = [start[0], Math.log(start[1])], [across, along] = FIRST;
  for (let round = 0; round < MOST_ROUNDS && across > FINEST; round++) {
    let least = Infinity, best = [mean, log], isEdge = false;
    for (const a of steps) {
      for (const b of steps) {
        const tried = [mean + across * a, log + along * b], nats = backward(p, tried[0], Math.exp(tried[1]));
        if (nats < least) [least, best, isEdge] = [nats, tried, Math.abs(a) === 1 || Math.abs(b) === 1];
      }
    }
    [mean, log] = best;
    if (!isEdge) [across, along] = [across / 2, along / 2];
    yield [mean, Math.exp(log)];
  }
  return [mean, Math.exp(log)];
}

/**
 * @param {Mixture} p
 * @param {Gaussian} start
 * @returns {Gaussian}
 */
export function searched(p, start) {
  const rounds = searching(p, start);
  for (;;) {
    const { done, value } = rounds.next();
    if (done) return value;
  }
}
