/**
 * Flow matching of latent vectors, as of `olaria.models.latent_flow`: the velocity, where it leads, and the decoder.
 */

import { createAutoencoder, createVae } from "./autoencoder.js";
import { mlp } from "./dense.js";
import { path, timeWaves, times, velocityOf } from "./flow_matching.js";
import { apply, linear, rmsNorm, silu, vector } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./autoencoder.js").ImageModel} ImageModel */

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
    return out.map((value, i) =>
      prediction === "velocity"
        ? ((2 * t - 1) / q) * x[i] + value / Math.sqrt(q)
        : velocityOf(value, prediction, x[i], t),
    );
  };

  return {
    latent,
    shape,
    classes: 0,
    velocity,
    decode(z, steps = usualSteps, solver = usualSolver) {
      const x = path(velocity, vector(z, latent), times(steps, power), solver)[steps];
      return decode(x.map((value, i) => centre[i] + spread[i] * value));
    },
  };
}
