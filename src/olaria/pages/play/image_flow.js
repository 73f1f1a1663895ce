/**
 * Flow matching of images, as of `olaria.models.image_flow`: the velocity of an image and a time, and where it leads.
 */

import { mlp } from "./dense.js";
import { path, timeWaves, times, velocityOf } from "./flow_matching.js";
import { addScaled, apply, silu, vector } from "./tensor.js";
import { unet } from "./unet.js";
import { numElements } from "./weights.js";

/** @typedef {import("./weights.js").Opened} Opened */

/**
 * @typedef {object} Choices
 * @property {number} [steps] those of the run unless given
 * @property {string} [solver]
 * @property {number} [guidance] weight of the class; 1 is the class alone
 */

/**
 * @typedef {object} ImageFlow
 * @property {number} latent numbers of the noise, one for each of the image
 * @property {number[]} shape [C, H, W]
 * @property {number} classes that the network is conditioned on; 0 for none
 * @property {(x: ArrayLike<number>, t: number, y?: number | null) => Float32Array} velocity of an image (C, H, W) in
 *   [-1, 1]; no class where none is given
 * @property {(z: ArrayLike<number>, y?: number | null, choices?: Choices) => Float32Array[]} path where noise is after
 *   each step, the start included, around [-1, 1]
 * @property {(z: ArrayLike<number>, y?: number | null, choices?: Choices) => Float32Array} generate where it ends, as
 *   pixels in [0, 1], (C, H, W)
 */

/**
 * Variance of a pixel at a time, not quite 0; see `olaria.objectives.flow_matching.linear_velocity`.
 * @param {number} t
 * @param {number} variance of the pixel in the data
 */
const sizeOf = (t, variance) => Math.max(1e-6, (1 - t) ** 2 + t ** 2 * variance);

/**
 * @param {Opened} opened
 * @returns {ImageFlow}
 */
export function createImageFlow(opened) {
  const { config } = opened;
  const { classes, prediction } = config;
  const shape = /** @type {number[]} */ (opened.dimensions);
  const size = numElements(shape);
  const network = unet(opened, "network", config.patch, shape[0]);
  const time = mlp(opened, "time", "silu");
  const rows = classes ? opened.tensor("class_rows.weight") : null;
  const [mean, variance, logit] = ["mean", "variance", "logit"].map((name) => opened.tensor(name).data);

  /** @param {number} t @param {number | null | undefined} y */
  const condition = (t, y) => {
    const c = time(timeWaves(t));
    if (rows) {
      const row = y ?? classes;
      if (!(row >= 0 && row <= classes)) throw new RangeError(`no class ${y}`);
      addScaled(c, 0, rows.data, row * c.length, 1, c.length);
    }
    return apply(c, silu);
  };

  /**
   * The data, where the network predicts it: black, white and a linear guess, each with a probability.
   * @param {Float32Array} out @param {Float32Array} x @param {number} t @param {number} i
   */
  const mixed = (out, x, t, i) => {
    const among = Math.min(0.999, Math.max(0.001, t));
    const [black, white, same] = [
      out[i] - logit[i] / 2,
      out[size + i] + logit[i] / 2,
      out[2 * size + i] + 2 * Math.log(among / (1 - among)) - 2,
    ];
    const largest = Math.max(black, white, same);
    const [p, q, r] = [black, white, same].map((score) => Math.exp(score - largest));
    const guess = mean[i] + ((t * variance[i]) / sizeOf(t, variance[i])) * (x[i] - t * mean[i]);
    return (q - p + r * Math.min(1, Math.max(-1, guess))) / (p + q + r);
  };

  /** @type {ImageFlow["velocity"]} */
  const velocity = (image, t, y) => {
    const x = vector(image, size);
    const out = network(x, condition(t, y));
    const v = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      if (prediction === "velocity") {
        const spread = sizeOf(t, variance[i]);
        const share = (t * variance[i] - (1 - t)) / spread;
        v[i] = mean[i] + share * (x[i] - t * mean[i]) + Math.sqrt(variance[i] / spread) * out[i];
      } else {
        const predicted = prediction === "data" ? mixed(out, x, t, i) : out[i];
        v[i] = velocityOf(predicted, prediction, x[i], t);
      }
    }
    return v;
  };

  /** @type {ImageFlow["path"]} */
  const followed = (z, y, { steps = config.steps, solver = config.solver, guidance = 1 } = {}) => {
    if (classes && !(y != null && y >= 0 && y < classes)) throw new RangeError(`no class ${y}`);
    const at = times(steps, config.step_power);
    if (!classes || guidance === 1) {
      return path((x, t) => velocity(x, t, y), vector(z, size), at, solver);
    }
    return path(
      (x, t) => {
        const free = velocity(x, t);
        return velocity(x, t, y).map((given, i) => free[i] + guidance * (given - free[i]));
      },
      vector(z, size),
      at,
      solver,
    );
  };

  return {
    latent: size,
    shape,
    classes,
    velocity,
    path: followed,
    generate: (z, y, choices) => {
      const places = followed(z, y, choices);
      return places[places.length - 1].map((value) => Math.min(1, Math.max(0, (value + 1) / 2)));
    },
  };
}
