/**
 * How a GAN of points begins in the page: untrained networks, and batches of points and noise.
 */

import { DenseNetwork, SpectralNorm } from "./backprop.js";
import { PlaneGan } from "./plane_gan.js";

/** @typedef {import("./plane_gan.js").Source} Source */

/** Settings of a game that a page plays quickly; the names are those of `olaria.families.gan`. */
export const SETTINGS = {
  latent: 2,
  hidden: [32, 32],
  slope: 0.2,
  spectral: false,
  loss: "non-saturating",
  penalty: "r1",
  penalty_weight: 0.1,
  discriminator_updates: 1,
  discriminator_rate: 1,
};

/** Its training; the names are those of `olaria.recipes.training`. */
export const TRAINING = {
  batch_size: 64,
  learning_rate: 2e-3,
  betas: [0, 0.99],
  weight_decay: 0,
  warmup_steps: 20,
  decay: "constant",
  decay_from: 0,
  final_factor: 0,
  clip_norm: null,
  ema: 0.995,
};

const FIRST_TURNS = 15;

/**
 * Numbers of N(0, 1) from uniform ones (Box & Muller 1958).
 * @param {() => number} uniform numbers in [0, 1)
 * @returns {() => number}
 */
export function normals(uniform) {
  /** @type {number | null} */
  let spare = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/**
 * Layers as PyTorch begins them: uniform within 1/√in, weights and biases.
 * @param {number[]} sizes features in, hidden sizes, features out
 * @param {{slope: number, spectral?: boolean}} options
 * @param {() => number} uniform
 * @returns {DenseNetwork}
 */
export function freshNetwork(sizes, { slope, spectral = false }, uniform) {
  const normal = normals(uniform);
  const layers = sizes.slice(1).map((rows, index) => {
    const columns = sizes[index];
    const bound = 1 / Math.sqrt(columns);
    const draw = () => bound * (2 * uniform() - 1);
    const weight = { data: Float32Array.from({ length: rows * columns }, draw), shape: [rows, columns] };
    const bias = { data: Float32Array.from({ length: rows }, draw), shape: [rows] };
    let norm = null;
    if (spectral) {
      const [u, v] = [rows, columns].map((length) => Float32Array.from({ length }, normal));
      norm = new SpectralNorm(weight, u, v);
      for (let turn = 0; turn < FIRST_TURNS; turn++) norm.iterate();
    }
    return { weight, bias, norm };
  });
  return new DenseNetwork(layers, slope);
}

/**
 * An untrained game.
 * @param {ArrayLike<number>} points of the data, (count, 2)
 * @param {() => number} uniform numbers in [0, 1)
 * @param {Record<string, any>} settings
 * @param {Record<string, any>} training
 * @returns {PlaneGan}
 */
export function freshPlaneGan(points, uniform, settings = SETTINGS, training = TRAINING) {
  const { latent, hidden, slope, spectral } = settings;
  const { centre, spread } = extent(points);
  return new PlaneGan({ ...settings }, { ...training }, {
    generator: freshNetwork([latent, ...hidden, 2], { slope: 0 }, uniform),
    discriminator: freshNetwork([2, ...hidden, 1], { slope, spectral }, uniform),
    centre,
    spread,
  });
}

/**
 * The mean of points and their standard deviation in both directions together.
 * @param {ArrayLike<number>} points (count, 2)
 * @returns {{centre: Float32Array, spread: number}}
 */
export function extent(points) {
  const count = points.length / 2;
  const centre = new Float32Array(2);
  for (const axis of [0, 1]) {
    let sum = 0;
    for (let i = axis; i < points.length; i += 2) sum += points[i];
    centre[axis] = sum / count;
  }
  let squares = 0;
  for (let i = 0; i < points.length; i++) squares += (points[i] - centre[i % 2]) ** 2;
  return { centre, spread: Math.max(Math.sqrt(squares / points.length), 1e-12) };
}

/**
 * Batches of points, each drawn anew from all, and noise.
 * @param {ArrayLike<number>} points (count, 2)
 * @param {number} batchSize
 * @param {() => number} uniform numbers in [0, 1)
 * @returns {Source}
 */
export function pointSource(points, batchSize, uniform) {
  const normal = normals(uniform);
  const count = points.length / 2;
  return {
    batchSize,
    real() {
      const batch = new Float32Array(2 * batchSize);
      for (let i = 0; i < batchSize; i++) {
        const from = Math.floor(uniform() * count);
        batch[2 * i] = points[2 * from];
        batch[2 * i + 1] = points[2 * from + 1];
      }
      return batch;
    },
    noise: (length) => Float32Array.from({ length }, normal),
    uniform: (length) => Float32Array.from({ length }, uniform),
  };
}
