/**
 * Flow matching of latent vectors, as of `olaria.models.latent_flow`: the velocity, where it leads, and the decoder.
 */

import { createAutoencoder, createVae } from "./autoencoder.js";
import { mlp } from "./dense.js";
import { timeWaves, times } from "./point_flow.js";
import { apply, linear, rmsNorm, silu, vector } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./autoencoder.js").ImageModel} ImageModel */

const LEAST_LEFT = 0.05;

/**
 * @typedef {object} LatentFlow
 * @property {number} latent numbers in a latent vector, and in its noise
 * @property {number[]} shape [C, H, W]
 * @property {number} classes none: 0
 * @property {(x: ArrayLike<number>, t: number) => Float32Array} velocity of one place at a time, in units of the latent
 *   vectors' spread around their centre
 * @property {(z: ArrayLike<number>, steps?: number, solver?: string) => Float32Array} decode the image in [0, 1] that
 *   noise becomes
 */

/**
 * The residual blocks; see `olaria.nn.residual_mlp`.
 * @param {Opened} opened
 * @returns {(x: Float32Array, c: Float32Array) => Float32Array}
 */
function residualMlp(opened) {
  /** @param {string} name @returns {(x: Float32Array) => Float32Array} */
  const layer = (name) => {
    const [weight, bias] = [opened.tensor(`network.${name}.weight`), opened.tensor(`network.${name}.bias`)];
    return (x) => linear(weight, x, bias);
  };
  const blocks = Array.from({ length: opened.config.depth }, (_, i) =>
    ["modulation", "first", "second"].map((name) => layer(`blocks.${i}.${name}`)));
  const [stem, head] = [layer("stem"), layer("head")];
  return (x, c) => {
    let y = stem(x);
    for (const [modulation, first, second] of blocks) {
      const told = modulation(c);
      const inner = rmsNorm(y).map((value, i) => value * (1 + told[i]) + told[y.length + i]);
      const added = second(apply(first(inner), silu));
      y = y.map((value, i) => value + added[i]);
    }
    return head(rmsNorm(y));
  };
}

/**
 * @param {Opened} opened
 * @returns {LatentFlow}
 */
export function createLatentFlow(opened) {
  const { prediction, autoencoder, steps: usualSteps, solver: usualSolver, step_power: power } = opened.config;
  const prefix = "autoencoder.";
  const create = autoencoder.family === "vae" ? createVae : createAutoencoder;
  const { latent, shape, decode } = create({
    ...opened,
    config: autoencoder,
    encodes: false,
    has: (name) => opened.has(prefix + name),
    tensor: (name) => opened.tensor(prefix + name),
  });
  const network = residualMlp(opened);
  const time = mlp(opened, "time", "silu");
  const centre = opened.tensor("centre").data;
  const spread = opened.tensor("spread").data;

  /** @type {LatentFlow["velocity"]} */
  const velocity = (x, t) => {
    const waves = timeWaves(t);
    const seen = new Float32Array(latent + waves.length);
    seen.set(vector(x, latent));
    seen.set(waves, latent);
    const out = network(seen, apply(time(waves), silu));
    const q = (1 - t) ** 2 + t ** 2;
    return out.map((value, i) => {
      if (prediction === "data") return (value - x[i]) / Math.max(LEAST_LEFT, 1 - t);
      if (prediction === "noise") return (x[i] - value) / Math.max(LEAST_LEFT, t);
      return ((2 * t - 1) / q) * x[i] + value / Math.sqrt(q);
    });
  };

  /** @param {Float32Array} x @param {Float32Array} v @param {number} length */
  const moved = (x, v, length) => x.map((value, i) => value + length * v[i]);

  /** @param {Float32Array} x @param {number} now @param {number} then @param {string} solver */
  const step = (x, now, then, solver) => {
    const length = then - now;
    const first = velocity(x, now);
    if (solver === "euler") return moved(x, first, length);
    if (solver === "midpoint") return moved(x, velocity(moved(x, first, length / 2), now + length / 2), length);
    return moved(moved(x, first, length / 2), velocity(moved(x, first, length), then), length / 2);
  };

  return {
    latent,
    shape,
    classes: 0,
    velocity,
    decode(z, steps = usualSteps, solver = usualSolver) {
      let x = Float32Array.from(vector(z, latent));
      const at = times(steps, power);
      for (let k = 0; k < steps; k++) x = step(x, at[k], at[k + 1], solver);
      return decode(x.map((value, i) => centre[i] + spread[i] * value));
    },
  };
}
