/**
 * Flow matching of points, as of `olaria.models.point_flow`: the velocity of a place and a time, and where it leads.
 */

import { mlp } from "./dense.js";
import { TIME_WAVES, path, step, timeWaves, times, velocityOf } from "./flow_matching.js";

/** @typedef {import("./weights.js").Opened} Opened */

/**
 * @typedef {object} PointFlow
 * @property {number} latent coordinates of a point, and of its noise
 * @property {(x: ArrayLike<number>, t: ArrayLike<number>) => Float32Array} velocity of places, side by side, at a time
 *   each, in units of the data's spread around its centre
 * @property {(x: Float32Array, now: number, then: number, solver: string) => Float32Array} step places, side by side,
 *   from one time to the next, in those units
 * @property {(steps: number) => number[]} times of so many steps, both ends among them
 * @property {(z: ArrayLike<number>, steps?: number, solver?: string) => Float32Array[]} path where noise, side by side,
 *   is after each step, the start included, in those units
 * @property {(z: ArrayLike<number>, steps?: number, solver?: string) => Float32Array} generate where it ends, in the
 *   units of the data
 */

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
    for (let i = 0; i < out.length; i++) out[i] = velocityOf(out[i], prediction, x[i], t[Math.floor(i / size)]);
    return out;
  };

  /** @param {Float32Array} x @param {number} t */
  const at = (x, t) => velocity(x, new Float32Array(x.length / size).fill(t));

  /** @type {PointFlow["path"]} */
  const followed = (z, steps = usualSteps, solver = usualSolver) => path(at, z, times(steps, power), solver);

  return {
    latent: size,
    velocity,
    step: (x, now, then, solver) => step(at, x, now, then, solver),
    times: (steps) => times(steps, power),
    path: followed,
    generate: (z, steps = usualSteps, solver = usualSolver) =>
      followed(z, steps, solver)[steps].map((value, i) => centre[i % size] + spread * value),
  };
}
