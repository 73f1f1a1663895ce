/**
 * Masked diffusion of binary pixels, as of `olaria.models.mask`: each hidden pixel given the visible ones.
 */

import { erf, sigmoid, vector } from "./tensor.js";
import { unet } from "./unet.js";
import { numElements } from "./weights.js";

/** @typedef {import("./weights.js").Opened} Opened */

/** Side of the squares of pixels that become channels. */
const PATCH = 2;
/** Parts of an image, each of which is hidden once for the means of its pixels. */
const MEAN_PARTS = 4;

/**
 * @typedef {object} Mask
 * @property {number} latent numbers of the noise: those of the order, then those of the values
 * @property {number[]} shape [C, H, W]
 * @property {number} classes 0
 * @property {(x: ArrayLike<number>, hidden: ArrayLike<number | boolean>) => Float32Array} logits of each pixel being 1,
 *   (C, H, W), of an image of 0 and 1 and of which of its pixels are hidden
 * @property {(x: ArrayLike<number>, ranks: ArrayLike<number>) => Float32Array} means of each pixel given those of other
 *   parts
 * @property {(z: ArrayLike<number>, steps?: number) => {x: Float32Array, ranks: Int32Array}} draw an image of 0 and 1,
 *   and each pixel's place in the order in which they were drawn
 * @property {(z: ArrayLike<number>, steps?: number) => Float32Array} generate the means of what is drawn
 */

/**
 * Which place each number has among all, from 0, the smallest.
 * @param {ArrayLike<number>} numbers
 * @returns {Int32Array}
 */
export function ranked(numbers) {
  const order = Array.from(numbers, (_, i) => i).sort((a, b) => numbers[a] - numbers[b]);
  const ranks = new Int32Array(numbers.length);
  order.forEach((place, rank) => (ranks[place] = rank));
  return ranks;
}

/**
 * @param {Opened} opened
 * @returns {Mask}
 */
export function createMask(opened) {
  const { steps: usual } = opened.config;
  const shape = /** @type {number[]} */ (opened.dimensions);
  const size = numElements(shape);
  const network = unet(opened, "network", PATCH, 2 * shape[0]);
  const mean = opened.tensor("statistics.logit").data;

  /** @type {Mask["logits"]} */
  const logits = (x, hidden) => {
    const shown = new Float32Array(2 * size);
    for (let i = 0; i < size; i++) {
      if (hidden[i]) continue;
      shown[i] = 2 * x[i] - 1;
      shown[size + i] = 1;
    }
    const out = network(shown);
    for (let i = 0; i < size; i++) out[i] += mean[i];
    return out;
  };

  /** @type {Mask["means"]} */
  const means = (x, ranks) => {
    const out = new Float32Array(size);
    for (let part = 0; part < MEAN_PARTS; part++) {
      const hidden = Array.from(ranks, (rank) => rank % MEAN_PARTS === part);
      logits(x, hidden).forEach((logit, i) => {
        if (hidden[i]) out[i] = sigmoid(logit);
      });
    }
    return out;
  };

  /** @type {Mask["draw"]} */
  const draw = (z, steps = usual) => {
    const noise = vector(z, 2 * size);
    const ranks = ranked(noise.subarray(0, size));
    const x = new Float32Array(size);
    const count = Math.min(steps, size);
    for (let step = 0; step < count; step++) {
      const start = Math.floor((size * step) / count);
      const stop = Math.floor((size * (step + 1)) / count);
      const found = logits(x, Array.from(ranks, (rank) => rank >= start));
      for (let i = 0; i < size; i++) {
        if (ranks[i] < start || ranks[i] >= stop) continue;
        // A number of N(0, 1) made uniform by the normal distribution function.
        const uniform = 0.5 * (1 + erf(noise[size + i] * Math.SQRT1_2));
        x[i] = uniform < sigmoid(found[i]) ? 1 : 0;
      }
    }
    return { x, ranks };
  };

  return {
    latent: 2 * size,
    shape,
    classes: 0,
    logits,
    means,
    draw,
    generate: (z, steps) => {
      const { x, ranks } = draw(z, steps);
      return means(x, ranks);
    },
  };
}
