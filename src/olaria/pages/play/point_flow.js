/**
 * Flow matching of points, as of `olaria.models.point_flow`: the velocity of a place and a time, and where it leads.
 */

import { mlp } from "./dense.js";

/** @typedef {import("./weights.js").Opened} Opened */

const TIME_WAVES = 16;
const LONGEST = 2;
const SHORTEST = 1 / 16;
const LEAST_LEFT = 0.05;

/**
 * @typedef {object} PointFlow
 * @property {number} latent coordinates of a point, and of its noise
 * @property {(x: ArrayLike<number>, t: ArrayLike<number>) => Float32Array} velocity of places, side by side, at a time
 *   each, in units of the data's spread around its centre
 * @property {(z: ArrayLike<number>, steps?: number, solver?: string) => Float32Array[]} path where noise, side by side,
 *   is after each step, the start included, in those units
 * @property {(z: ArrayLike<number>, steps?: number, solver?: string) => Float32Array} generate where it ends, in the
 *   units of the data
 */

/**
 * Times from 0 to 1; see `olaria.nn.ode.times`.
 * @param {number} steps
 * @param {number} power
 * @returns {number[]}
 */
export const times = (steps, power) =>
  Array.from({ length: steps + 1 }, (_, k) => 1 - (1 - k / steps) ** power);

/**
 * Waves of a time; see `olaria.nn.waves.time_waves`.
 * @param {number} t
 * @returns {Float32Array}
 */
export function timeWaves(t) {
  const out = new Float32Array(2 * TIME_WAVES);
  for (let i = 0; i < TIME_WAVES; i++) {
    const period = LONGEST * (SHORTEST / LONGEST) ** (i / (TIME_WAVES - 1));
    out[i] = Math.cos((2 * Math.PI * t) / period);
    out[TIME_WAVES + i] = Math.sin((2 * Math.PI * t) / period);
  }
  return out;
}

/**
 * @param {Opened} opened
 * @returns {PointFlow}
 */
export function createPointFlow(opened) {
  const { prediction, waves, steps: usualSteps, solver: usualSolver, step_power: power } = opened.config;
  const network = mlp(opened, "network", "silu");
  const centre = opened.tensor("centre").data;
  const spread = opened.tensor("spread").data[0];
  const directions = waves ? opened.tensor("waves.directions").data : new Float32Array(0);
  const size = centre.length;
  const inputs = size + 2 * waves + 2 * TIME_WAVES;

  /** @type {PointFlow["velocity"]} */
  const velocity = (x, t) => {
    const count = t.length;
    const seen = new Float32Array(count * inputs);
    for (let row = 0; row < count; row++) {
      const begin = row * inputs;
      for (let i = 0; i < size; i++) seen[begin + i] = x[row * size + i];
      for (let k = 0; k < waves; k++) {
        let angle = 0;
        for (let i = 0; i < size; i++) angle += x[row * size + i] * directions[k * size + i];
        seen[begin + size + k] = Math.cos(2 * Math.PI * angle);
        seen[begin + size + waves + k] = Math.sin(2 * Math.PI * angle);
      }
      seen.set(timeWaves(t[row]), begin + size + 2 * waves);
    }
    const out = network(seen);
    for (let i = 0; i < out.length; i++) {
      const time = t[Math.floor(i / size)];
      if (prediction === "data") out[i] = (out[i] - x[i]) / Math.max(LEAST_LEFT, 1 - time);
      if (prediction === "noise") out[i] = (x[i] - out[i]) / Math.max(LEAST_LEFT, time);
    }
    return out;
  };

  /** @param {Float32Array} x @param {number} t */
  const at = (x, t) => velocity(x, new Float32Array(x.length / size).fill(t));

  /** @param {Float32Array} x @param {Float32Array} v @param {number} length */
  const moved = (x, v, length) => x.map((value, i) => value + length * v[i]);

  /** @param {Float32Array} x @param {number} now @param {number} then @param {string} solver */
  const step = (x, now, then, solver) => {
    const length = then - now;
    const first = at(x, now);
    if (solver === "euler") return moved(x, first, length);
    if (solver === "midpoint") return moved(x, at(moved(x, first, length / 2), now + length / 2), length);
    const second = at(moved(x, first, length), then);
    return moved(moved(x, first, length / 2), second, length / 2);
  };

  /** @type {PointFlow["path"]} */
  const path = (z, steps = usualSteps, solver = usualSolver) => {
    const places = [Float32Array.from(z)];
    const moments = times(steps, power);
    for (let k = 0; k < steps; k++) places.push(step(places[k], moments[k], moments[k + 1], solver));
    return places;
  };

  return {
    latent: size,
    velocity,
    path,
    generate: (z, steps = usualSteps, solver = usualSolver) =>
      path(z, steps, solver)[steps].map((value, i) => centre[i % size] + spread * value),
  };
}
