/**
 * Convolutional encoder and decoder, as of `olaria.nn.conv`.
 *
 * Inside, the channels of a pixel lie side by side: a convolution is then one product of matrices, of what the kernel
 * sees at each place with its weights (Chellapilla et al. 2006). Models take and give images plane by plane, as
 * PyTorch does.
 */

import { addScaled, apply, dot, leakyRelu, linear, relu } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * @typedef {object} Picture
 * @property {Float32Array} data (height, width, channels)
 * @property {number} height
 * @property {number} width
 * @property {number} channels
 */

/**
 * @typedef {object} Kernel
 * @property {Tensor} weight (out, tall · wide · in)
 * @property {Tensor | null} bias
 * @property {number} tall
 * @property {number} wide
 */

const SMALLEST_SIDE = 4;
const NORM_EPSILON = 1e-6;

// -- layouts -----------------------------------------------------------------------------------------

/**
 * @param {ArrayLike<number>} x (C, H, W)
 * @param {number[]} shape [C, H, W]
 * @returns {Picture}
 */
export function toPicture(x, [channels, height, width]) {
  const data = new Float32Array(channels * height * width);
  const size = height * width;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < size; i++) data[i * channels + c] = x[c * size + i];
  }
  return { data, height, width, channels };
}

/**
 * @param {Picture} picture
 * @returns {Float32Array} (C, H, W)
 */
export function fromPicture({ data, height, width, channels }) {
  const size = height * width;
  const x = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < size; i++) x[c * size + i] = data[i * channels + c];
  }
  return x;
}

/**
 * A matrix whose columns are of an image's numbers plane by plane, for an image with channels side by side.
 * @param {Tensor} weight (out, C · H · W)
 * @param {number[]} shape [C, H, W]
 * @returns {Tensor}
 */
export function forPictures(weight, shape) {
  const columns = weight.shape[1];
  const data = new Float32Array(weight.data.length);
  for (let at = 0; at < data.length; at += columns) {
    data.set(toPicture(weight.data.subarray(at, at + columns), shape).data, at);
  }
  return { data, shape: weight.shape };
}

// -- convolutions --------------------------------------------------------------------------------------

/**
 * @param {Tensor} weight (out, in, tall, wide)
 * @param {Tensor | null} bias
 * @returns {Kernel}
 */
export function toKernel(weight, bias) {
  const [out, channels, tall, wide] = weight.shape;
  const columns = channels * tall * wide;
  const flat = { data: weight.data, shape: [out, columns] };
  return { weight: forPictures(flat, [channels, tall, wide]), bias, tall, wide };
}

/**
 * @param {Opened} opened
 * @param {string} name of the layer
 * @returns {Kernel}
 */
export function kernel(opened, name) {
  return toKernel(opened.tensor(`${name}.weight`), opened.tensor(`${name}.bias`));
}

/**
 * What a kernel sees at each of its places, zeros beyond the image.
 * @param {Picture} x
 * @param {number} tall
 * @param {number} wide
 * @param {number} stride
 * @param {number} top row of the image at which the first place begins
 * @param {number} left its column
 * @param {number} rows of places
 * @param {number} columns of places
 * @returns {Float32Array} (rows · columns, tall · wide · channels)
 */
function windows(x, tall, wide, stride, top, left, rows, columns) {
  const { data, height, width, channels } = x;
  const seen = new Float32Array(rows * columns * tall * wide * channels);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const first = column * stride + left;
      const begin = Math.max(first, 0);
      const end = Math.min(first + wide, width);
      for (let i = 0; i < tall; i++, at += wide * channels) {
        const line = row * stride + top + i;
        if (line < 0 || line >= height || end <= begin) continue;
        const start = (line * width + begin) * channels;
        const stop = (line * width + end) * channels;
        let to = at + (begin - first) * channels;
        for (let k = start; k < stop; k++) seen[to++] = data[k];
      }
    }
  }
  return seen;
}

/**
 * A convolution; what lies beyond the image is 0.
 * @param {Picture} x
 * @param {Kernel} kernel
 * @param {number} stride
 * @param {number} padding
 * @returns {Picture}
 */
export function convolve(x, { weight, bias, tall, wide }, stride = 1, padding = 1) {
  const height = Math.floor((x.height + 2 * padding - tall) / stride) + 1;
  const width = Math.floor((x.width + 2 * padding - wide) / stride) + 1;
  const seen = windows(x, tall, wide, stride, -padding, -padding, height, width);
  return { data: linear(weight, seen, bias), height, width, channels: weight.shape[0] };
}

/**
 * Which rows of a kernel of three meet which of two rows, where every row of the image is doubled: for the upper and
 * the lower of a doubled pair.
 */
const MEETS = [
  [[0], [1, 2]],
  [[0, 1], [2]],
];

/**
 * The four kernels of 2 × 2 that a kernel of 3 × 3 becomes on an image whose pixels are doubled both ways.
 * @param {Kernel} kernel
 * @returns {Kernel[]} for the four pixels that one becomes
 */
function doubledKernels({ weight, bias }) {
  const out = weight.shape[0];
  const channels = weight.shape[1] / 9;
  const kernels = [];
  for (const rows of MEETS) {
    for (const columns of MEETS) {
      const data = new Float32Array(out * 4 * channels);
      for (let o = 0; o < out; o++) {
        for (let i = 0; i < 4; i++) {
          for (const r of rows[i >> 1]) {
            for (const s of columns[i & 1]) {
              const from = (o * 9 + 3 * r + s) * channels;
              addScaled(data, (o * 4 + i) * channels, weight.data, from, 1, channels);
            }
          }
        }
      }
      kernels.push({ weight: { data, shape: [out, 4 * channels] }, bias, tall: 2, wide: 2 });
    }
  }
  return kernels;
}

/**
 * Every pixel doubled both ways, then a convolution of 3 × 3, without ever writing the doubled image.
 * @param {Picture} x
 * @param {Kernel[]} kernels see `doubledKernels`
 * @returns {Picture}
 */
function convolveDoubled(x, kernels) {
  const { height, width } = x;
  const channels = kernels[0].weight.shape[0];
  const data = new Float32Array(4 * height * width * channels);
  kernels.forEach(({ weight, bias }, phase) => {
    const down = phase >> 1;
    const right = phase & 1;
    const made = linear(weight, windows(x, 2, 2, 1, down - 1, right - 1, height, width), bias);
    for (let i = 0; i < height * width; i++) {
      const row = 2 * Math.floor(i / width) + down;
      const column = 2 * (i % width) + right;
      const to = (row * 2 * width + column) * channels;
      for (let c = 0; c < channels; c++) data[to + c] = made[i * channels + c];
    }
  });
  return { data, height: 2 * height, width: 2 * width, channels };
}

/**
 * A layer that doubles the image: see `convolveDoubled`.
 * @param {Opened} opened
 * @param {string} name
 * @returns {(x: Picture) => Picture}
 */
export function upConv(opened, name) {
  const kernels = doubledKernels(kernel(opened, name));
  return (x) => convolveDoubled(x, kernels);
}

/**
 * Each pixel's features divided by their root mean square, then ReLU, in place (Karras et al. 2018, section 4.2).
 * @param {Picture} x
 * @returns {Picture} `x`
 */
export function normedRelu(x) {
  const { data, channels } = x;
  for (let at = 0; at < data.length; at += channels) {
    const scale = 1 / Math.sqrt(dot(data, at, data, at, channels) / channels + NORM_EPSILON);
    for (let i = at; i < at + channels; i++) data[i] = relu(data[i] * scale);
  }
  return x;
}

/**
 * As `normedRelu`, with a scale and a shift of each channel before ReLU, in place (Perez et al. 2018).
 * @param {Picture} x
 * @param {Float32Array} scale which 1 is added to
 * @param {Float32Array} shift
 * @returns {Picture} `x`
 */
export function conditionedRelu(x, scale, shift) {
  const { data, channels } = x;
  for (let at = 0; at < data.length; at += channels) {
    const size = 1 / Math.sqrt(dot(data, at, data, at, channels) / channels + NORM_EPSILON);
    for (let c = 0; c < channels; c++) {
      data[at + c] = relu((1 + scale[c]) * data[at + c] * size + shift[c]);
    }
  }
  return x;
}

/**
 * @param {Picture} x
 * @returns {Picture} `x`
 */
export function bentPicture(x) {
  apply(x.data, relu);
  return x;
}

/**
 * Adds a picture to another of the same size, in place.
 * @param {Picture} x
 * @param {Picture} more
 * @returns {Picture} `x`
 */
export function added(x, more) {
  addScaled(x.data, 0, more.data, 0, 1, x.data.length);
  return x;
}

// -- encoder and decoder -------------------------------------------------------------------------------

/**
 * @typedef {object} ConvEncoder
 * @property {(x: Picture) => Float32Array} describe what the last layer reads
 * @property {(features: Float32Array) => Float32Array} head the last layer
 * @property {number[]} shape [C, H, W] of what the last layer reads, channels side by side
 */

/**
 * Image to vector: strided convolutions, then one linear layer.
 * @param {Opened} opened
 * @param {string} prefix
 * @param {{slope?: number, depth?: number}} options LeakyReLU's slope, and the number of residual convolutions
 * @returns {ConvEncoder}
 */
export function convEncoder(opened, prefix, { slope = 0, depth = 0 } = {}) {
  let [channels, height, width] = /** @type {number[]} */ (opened.dimensions);
  /** @type {((x: Picture) => Picture)[]} */
  const steps = [];
  let place = 0;
  /** @param {Picture} x */
  const bend = (x) => {
    apply(x.data, (value) => leakyRelu(value, slope));
    return x;
  };
  while (Math.min(height, width) > SMALLEST_SIDE) {
    const halving = kernel(opened, `${prefix}.features.${place}`);
    steps.push((x) => bend(convolve(x, halving, 2)));
    place += 2;
    channels = halving.weight.shape[0];
    [height, width] = [(height + 1) >> 1, (width + 1) >> 1];
    const smallest = Math.min(height, width);
    if (smallest > SMALLEST_SIDE && smallest <= 2 * SMALLEST_SIDE) {
      for (let i = 0; i < depth; i++, place++) {
        const residual = kernel(opened, `${prefix}.features.${place}.convolution`);
        steps.push((x) => added(bend(convolve(x, residual)), x));
      }
    }
  }
  const last = kernel(opened, `${prefix}.features.${place}`);
  steps.push((x) => bend(convolve(x, last)));
  channels = last.weight.shape[0];
  const shape = [channels, height, width];
  const weight = forPictures(opened.tensor(`${prefix}.head.weight`), shape);
  const bias = opened.tensor(`${prefix}.head.bias`);
  return {
    shape,
    describe: (x) => steps.reduce((y, step) => step(y), x).data,
    head: (features) => linear(weight, features, bias),
  };
}

/**
 * Vector to unbounded image: one linear layer, then doublings with convolutions.
 * @param {Opened} opened
 * @param {string} prefix
 * @param {boolean} normalise divide each pixel by its root mean square after each convolution
 * @returns {(z: Float32Array) => Float32Array} to (C, H, W)
 */
export function convDecoder(opened, prefix, normalise = false) {
  const [, height, width] = /** @type {number[]} */ (opened.dimensions);
  /** @type {Kernel[]} */
  const residuals = [];
  while (opened.has(`${prefix}.residuals.${residuals.length}.weight`)) {
    residuals.push(kernel(opened, `${prefix}.residuals.${residuals.length}`));
  }
  /** @type {((x: Picture) => Picture)[]} */
  const blocks = [];
  while (opened.has(`${prefix}.blocks.${blocks.length}.weight`)) {
    blocks.push(upConv(opened, `${prefix}.blocks.${blocks.length}`));
  }
  const head = kernel(opened, `${prefix}.head`);
  const stem = opened.tensor(`${prefix}.stem.weight`);
  const bias = opened.tensor(`${prefix}.stem.bias`);
  const [high, wide] = [height >> blocks.length, width >> blocks.length];
  const grid = [stem.shape[0] / (high * wide), high, wide];
  const bend = normalise ? normedRelu : bentPicture;
  return (z) => {
    let x = bend(toPicture(linear(stem, z, bias), grid));
    for (const residual of residuals) x = added(bend(convolve(x, residual)), x);
    for (const block of blocks) x = bend(block(x));
    return fromPicture(convolve(x, head));
  };
}
