/**
 * Masked diffusion of binary pixels, as of `olaria.models.mask`: each hidden pixel given the visible ones.
 */

import { added, convolve, fromPicture, kernel, normedRelu, toPicture, upConv } from "./conv.js";
import { apply, erf, linear, relu, sigmoid, vector } from "./tensor.js";
import { numElements } from "./weights.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./conv.js").Picture} Picture */
/** @typedef {(x: Picture) => Picture} Layer */

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
 * Squares of pixels become channels; see `torch.nn.functional.pixel_unshuffle`.
 * @param {ArrayLike<number>} x (C, H, W)
 * @param {number[]} shape [C, H, W]
 * @returns {Picture}
 */
export function unshuffled(x, [channels, height, width]) {
  const [tall, wide] = [height / PATCH, width / PATCH];
  const out = new Float32Array(x.length);
  for (let i = 0; i < out.length; i++) {
    const [column, row, channel] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    const to = (channel * PATCH + (row % PATCH)) * PATCH + (column % PATCH);
    out[(to * tall + Math.floor(row / PATCH)) * wide + Math.floor(column / PATCH)] = x[i];
  }
  return toPicture(out, [PATCH * PATCH * channels, tall, wide]);
}

/**
 * What `unshuffled` does, undone.
 * @param {Picture} picture
 * @returns {Float32Array} (C, H, W)
 */
export function shuffled(picture) {
  const x = fromPicture(picture);
  const [height, width] = [PATCH * picture.height, PATCH * picture.width];
  const out = new Float32Array(x.length);
  for (let i = 0; i < out.length; i++) {
    const [column, row, channel] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    const from = (channel * PATCH + (row % PATCH)) * PATCH + (column % PATCH);
    out[i] = x[(from * picture.height + Math.floor(row / PATCH)) * picture.width + Math.floor(column / PATCH)];
  }
  return out;
}

/** @param {Picture} x @returns {Picture} */
const copied = (x) => ({ ...x, data: x.data.slice() });

/**
 * The U-Net without a condition; see `olaria.nn.unet`.
 * @param {Opened} opened
 * @param {string} prefix
 * @param {number[]} depths
 * @returns {Layer}
 */
function unet(opened, prefix, depths) {
  /** @param {string} name @param {number} depth @returns {Layer} */
  const stage = (name, depth) => {
    const blocks = Array.from({ length: depth }, (_, i) =>
      ["first", "second"].map((part) => kernel(opened, `${prefix}.${name}.blocks.${i}.${part}`)),
    );
    return (x) => {
      for (const [first, second] of blocks) {
        const inner = normedRelu(convolve(normedRelu(copied(x)), first));
        x = added(convolve(inner, second), x);
      }
      return x;
    };
  };
  const levels = Array.from({ length: depths.length - 1 }, (_, i) => ({
    down: stage(`down.${i}`, depths[i]),
    shrink: kernel(opened, `${prefix}.shrink.${i}`),
    grow: upConv(opened, `${prefix}.grow.${i}`),
    up: stage(`up.${i}`, depths[i]),
  }));
  /** Dense layers that join all places; see `olaria.nn.unet.AllPlaces`. @type {Layer} */
  const dense = (x) => {
    if (!opened.has(`${prefix}.dense.join.weight`)) return x;
    /** @param {string} name @param {Float32Array} y */
    const layer = (name, y) =>
      linear(opened.tensor(`${prefix}.dense.${name}.weight`), y, opened.tensor(`${prefix}.dense.${name}.bias`));
    const joined = apply(layer("join", apply(layer("narrow", normedRelu(copied(x)).data), relu)), relu);
    return added({ ...x, data: layer("widen", joined) }, x);
  };
  const stem = kernel(opened, `${prefix}.stem`);
  const middle = stage("middle", depths[depths.length - 1]);
  const head = kernel(opened, `${prefix}.head`);

  return (x) => {
    x = convolve(x, stem);
    /** @type {Picture[]} */
    const kept = [];
    for (const { down, shrink } of levels) {
      kept.push(down(x));
      x = convolve(kept[kept.length - 1], shrink, 2);
    }
    x = middle(dense(x));
    for (const { grow, up } of levels.toReversed()) {
      x = up(added(grow(x), /** @type {Picture} */ (kept.pop())));
    }
    return convolve(normedRelu(copied(x)), head);
  };
}

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
  const { depths, steps: usual } = opened.config;
  const shape = /** @type {number[]} */ (opened.dimensions);
  const size = numElements(shape);
  const network = unet(opened, "network", depths);
  const mean = opened.tensor("statistics.logit").data;

  /** @type {Mask["logits"]} */
  const logits = (x, hidden) => {
    const shown = new Float32Array(2 * size);
    for (let i = 0; i < size; i++) {
      if (hidden[i]) continue;
      shown[i] = 2 * x[i] - 1;
      shown[size + i] = 1;
    }
    const out = shuffled(network(unshuffled(shown, [2 * shape[0], shape[1], shape[2]])));
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
