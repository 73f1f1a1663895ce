/**
 * Vector-quantized autoencoder, as of `olaria.models.vq`: an image as a small grid of codes.
 */

import { centred, toPixels } from "./autoencoder.js";
import { bentPicture, convolve, fromPicture, kernel, toPicture, upConv } from "./conv.js";
import { argmax, dot, matvec, vector } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */

/**
 * @typedef {object} Quantized
 * @property {Float32Array} mean the nearest entries, one after the other: the latent vector
 * @property {Int32Array} codes their places in the codebook, row by row of the grid
 * @property {Float32Array} vectors what the encoder gave for each place of the grid
 */

/**
 * @typedef {object} VqModel
 * @property {number} latent numbers in a latent vector
 * @property {number[]} grid rows and columns of codes
 * @property {number} size entries of the codebook
 * @property {number[]} shape [C, H, W]
 * @property {number} classes 0
 * @property {(x: ArrayLike<number>) => Quantized} encode
 * @property {(z: ArrayLike<number>) => Float32Array} decode entries, or anything between them, to pixels in [0, 1]
 * @property {(codes: ArrayLike<number>) => Float32Array} lookup codes to their entries
 * @property {(codes: ArrayLike<number>) => Float32Array} paint codes to pixels in [0, 1]
 */

const STRIDE = 4;

/**
 * The entries of the codebook, each brought to length 1.
 * @param {import("./weights.js").Tensor} entries
 * @returns {import("./weights.js").Tensor}
 */
function unit({ data, shape }) {
  const [count, size] = shape;
  const out = data.slice();
  for (let row = 0; row < count; row++) {
    const scale = 1 / Math.max(Math.sqrt(dot(data, row * size, data, row * size, size)), 1e-12);
    for (let i = 0; i < size; i++) out[row * size + i] *= scale;
  }
  return { data: out, shape };
}

/**
 * @param {Opened} opened
 * @returns {VqModel}
 */
export function createVq(opened) {
  const shape = /** @type {number[]} */ (opened.dimensions);
  const grid = [shape[1] / STRIDE, shape[2] / STRIDE];
  const entries = unit(opened.tensor("codebook.entries"));
  const [size, width] = entries.shape;
  const latent = grid[0] * grid[1] * width;
  const mean = opened.tensor("statistics.mean").data;
  const logit = opened.tensor("statistics.logit").data;
  const down = [0, 2, 4, 6].map((i) => kernel(opened, `encoder.${i}`));
  const same = [0, 2].map((i) => kernel(opened, `decoder.${i}`));
  const up = [4, 6].map((i) => upConv(opened, `decoder.${i}`));
  const last = kernel(opened, "decoder.8");

  /** @type {VqModel["decode"]} */
  const decode = (z) => {
    const [height, columns] = grid;
    /** @type {import("./conv.js").Picture} */
    let x = { data: vector(z, latent), height, width: columns, channels: width };
    for (const layer of same) x = bentPicture(convolve(x, layer));
    for (const layer of up) x = bentPicture(layer(x));
    return toPixels(fromPicture(convolve(x, last)), logit);
  };

  /** @type {VqModel["lookup"]} */
  const lookup = (codes) => {
    const z = new Float32Array(codes.length * width);
    for (let i = 0; i < codes.length; i++) {
      z.set(entries.data.subarray(codes[i] * width, (codes[i] + 1) * width), i * width);
    }
    return z;
  };

  return {
    latent,
    grid,
    size,
    shape,
    classes: 0,
    encode(x) {
      let y = bentPicture(convolve(toPicture(centred(mean, x), shape), down[0], 2));
      y = bentPicture(convolve(y, down[1], 2));
      y = bentPicture(convolve(y, down[2]));
      const vectors = convolve(y, down[3], 1, 0).data;
      // Of entries with length 1 the nearest is the one with the largest product.
      const codes = Int32Array.from({ length: grid[0] * grid[1] }, (_, i) =>
        argmax(matvec(entries, vectors.subarray(i * width, (i + 1) * width))),
      );
      return { mean: lookup(codes), codes, vectors };
    },
    decode,
    lookup,
    paint: (codes) => decode(lookup(codes)),
  };
}
