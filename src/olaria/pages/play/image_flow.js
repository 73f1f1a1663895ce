/**
 * Flow matching of images, as of `olaria.models.image_flow`: the velocity of an image and a time, and where it leads.
 */

import { mlp } from "./dense.js";
import { fittedModes, shareOf, sizeOf } from "./modes.js";
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
 * @property {number} latent numbers of the noise in the run's own steps: one for each of the image, and as many again
 *   for each step between which noise is drawn anew
 * @property {number[]} shape [C, H, W]
 * @property {number} classes that the network is conditioned on; 0 for none
 * @property {(x: ArrayLike<number>, t: number, y?: number | null) => Float32Array} velocity of an image (C, H, W) in
 *   [-1, 1]; no class where none is given
 * @property {(z: ArrayLike<number>, y?: number | null, choices?: Choices) => Float32Array[]} path where noise is after
 *   each step, the start included, around [-1, 1]
 * @property {(z: ArrayLike<number>, y?: number | null, choices?: Choices) => Float32Array} generate where it ends, as
 *   pixels in [0, 1], (C, H, W)
 */

const MOST_SURE = 0.95;

/**
 * @param {Opened} opened
 * @returns {ImageFlow}
 */
export function createImageFlow(opened) {
  const { config } = opened;
  const { classes, prediction } = config;
  const shape = /** @type {number[]} */ (opened.dimensions);
  const size = numElements(shape);
  const share = config.step_noise;
  const drawsIn = (/** @type {number} */ steps) => (share ? steps : 1);
  const modes = config.modes ? fittedModes(opened, "modes") : null;
  const network = unet(opened, "network", config.patch, (modes ? 2 : 1) * shape[0]);
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
   * The data, where the network predicts it: black, white and the guess, each with a probability.
   * @param {Float32Array} out @param {number} guess @param {number} t @param {number} i
   */
  const mixed = (out, guess, t, i) => {
    const among = Math.min(0.999, Math.max(0.001, t));
    const known = modes ? Math.atanh(Math.min(MOST_SURE, Math.max(-MOST_SURE, guess))) : logit[i] / 2;
    const [black, white, same] = [
      out[i] - known,
      out[size + i] + known,
      out[2 * size + i] + 2 * Math.log(among / (1 - among)) - 2,
    ];
    const largest = Math.max(black, white, same);
    const [p, q, r] = [black, white, same].map((score) => Math.exp(score - largest));
    return (q - p + r * guess) / (p + q + r);
  };

  /**
   * The velocity that is known in closed form: of clusters of the training images, or of independent pixels.
   * @param {Float32Array} x @param {number} t @param {number | null | undefined} y
   */
  const guessed = (x, t, y) =>
    modes
      ? modes(x, t, y)
      : x.map((value, i) => mean[i] + shareOf(t, variance[i]) * (value - t * mean[i]));

  /** @type {ImageFlow["velocity"]} */
  const velocity = (image, t, y) => {
    const x = vector(image, size);
    const guess = guessed(x, t, classes ? y : null);
    const data = guess.map((v, i) => Math.min(1, Math.max(-1, x[i] + (1 - t) * v)));
    const seen = modes ? Float32Array.of(...x, ...data) : x;
    const out = network(seen, condition(t, y));
    return x.map((value, i) => {
      if (prediction === "velocity") {
        return guess[i] + Math.sqrt(variance[i] / sizeOf(t, variance[i])) * out[i];
      }
      const predicted = prediction === "data" ? mixed(out, data[i], t, i) : out[i];
      return velocityOf(predicted, prediction, value, t);
    });
  };

  /** @type {ImageFlow["path"]} */
  const followed = (z, y, { steps = config.steps, solver = config.solver, guidance = 1 } = {}) => {
    if (classes && !(y != null && y >= 0 && y < classes)) throw new RangeError(`no class ${y}`);
    const at = times(steps, config.step_power);
    const all = vector(z, drawsIn(steps) * size);
    const [start, ...fresh] = Array.from(
      { length: drawsIn(steps) },
      (_, k) => all.subarray(k * size, (k + 1) * size),
    );
    const own = (/** @type {Float32Array} */ x, /** @type {number} */ t) => velocity(x, t, y);
    const guided = (/** @type {Float32Array} */ x, /** @type {number} */ t) => {
      const free = velocity(x, t);
      return own(x, t).map((given, i) => free[i] + guidance * (given - free[i]));
    };
    const field = !classes || guidance === 1 ? own : guided;
    return path(field, start, at, solver, fresh, share);
  };

  return {
    latent: drawsIn(config.steps) * size,
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
