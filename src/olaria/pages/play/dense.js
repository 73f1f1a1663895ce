/**
 * Fully connected networks, the invertible map of a learned prior, and layers of latent variables.
 *
 * Each function mirrors one of `olaria.nn` and reads its weights by their names there.
 */

import { ACTIVATIONS, apply, linear } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */

/**
 * @callback Network
 * @param {Float32Array} x one vector or several, side by side
 * @returns {Float32Array} a new array
 */

/**
 * Linear layers with an activation between, none after the last.
 * @param {Opened} opened
 * @param {string} prefix of the layers' names, which are followed by 0, 2, 4, …
 * @param {string} activation a name of `ACTIVATIONS`
 * @returns {Network}
 */
export function mlp(opened, prefix, activation) {
  /** @type {import("./weights.js").Tensor[][]} */
  const layers = [];
  for (let i = 0; opened.has(`${prefix}.${i}.weight`); i += 2) {
    layers.push([opened.tensor(`${prefix}.${i}.weight`), opened.tensor(`${prefix}.${i}.bias`)]);
  }
  const bend = ACTIVATIONS[activation];
  return (x) => {
    let y = x;
    layers.forEach(([weight, bias], i) => {
      y = linear(weight, y, bias);
      if (i + 1 < layers.length) apply(y, bend);
    });
    return y;
  };
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @returns {Float32Array} both, one after the other
 */
export function joined(a, b) {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * A vector with a one-hot row of its class behind it (Mirza & Osindero 2014); as it is where there are no classes.
 * @param {Float32Array} z
 * @param {number | null | undefined} y
 * @param {number} numClasses
 * @returns {Float32Array}
 */
export function withClass(z, y, numClasses) {
  if (!numClasses) return z;
  if (y == null || !(y >= 0 && y < numClasses)) throw new RangeError(`no class ${y}`);
  const row = new Float32Array(numClasses);
  row[y] = 1;
  return joined(z, row);
}

// -- the flow ----------------------------------------------------------------------------------------

const LARGEST_SCALE = 2;

/**
 * @typedef {object} Flow
 * @property {(z: Float32Array, y?: number | null) => Float32Array} forward u = T(z)
 * @property {(u: Float32Array, y?: number | null) => Float32Array} inverse the z with T(z) = u
 */

/**
 * Couplings one after the other (Dinh et al. 2017, equations 7 and 8).
 * @param {Opened} opened
 * @param {string} prefix
 * @param {number} size number of variables
 * @param {number} numLayers
 * @param {number} numClasses
 * @returns {Flow}
 */
export function flow(opened, prefix, size, numLayers, numClasses) {
  const networks = Array.from({ length: numLayers }, (_, i) =>
    mlp(opened, `${prefix}.layers.${i}.network`, "gelu"),
  );
  const numKept = size >> 1;
  const numMoved = size - numKept;

  /**
   * Log-scales, then shifts, of the variables that move.
   * @param {Network} network
   * @param {Float32Array} kept
   * @param {number | null | undefined} y
   */
  const terms = (network, kept, y) => {
    const out = network(withClass(kept, y, numClasses));
    for (let i = 0; i < numMoved; i++) {
      out[i] = LARGEST_SCALE * Math.tanh(out[i] / LARGEST_SCALE);
    }
    return out;
  };

  return {
    forward(z, y) {
      for (const network of networks) {
        const kept = z.subarray(0, numKept);
        const moved = z.slice(numKept);
        const said = terms(network, kept, y);
        for (let i = 0; i < numMoved; i++) {
          moved[i] = moved[i] * Math.exp(said[i]) + said[numMoved + i];
        }
        z = joined(moved, kept);
      }
      return z;
    },
    inverse(u, y) {
      for (const network of networks.toReversed()) {
        const moved = u.slice(0, numMoved);
        const kept = u.subarray(numMoved);
        const said = terms(network, kept, y);
        for (let i = 0; i < numMoved; i++) {
          moved[i] = (moved[i] - said[numMoved + i]) * Math.exp(-said[i]);
        }
        u = joined(kept, moved);
      }
      return u;
    },
  };
}

// -- latent layers -------------------------------------------------------------------------------------

/**
 * @typedef {object} Latents
 * @property {number[]} sizes of the latent layers, the topmost first
 * @property {(x: Float32Array) => Float32Array[]} read what the encoder says to each of them
 * @property {(level: number, found: Float32Array, state: Float32Array | null) => Float32Array} posterior
 *   mean, then log-variance, of a layer
 * @property {(level: number, z: Float32Array, state: Float32Array | null) => Float32Array} descend
 *   the state below a layer
 */

/**
 * One layer: the encoder says its mean and log-variance, and the state is the latent vector itself.
 * @param {number} latent
 * @param {Network} encoder
 * @returns {Latents}
 */
export function single(latent, encoder) {
  return {
    sizes: [latent],
    read: (x) => [encoder(x)],
    posterior: (_level, found) => found,
    descend: (_level, z) => z,
  };
}

/**
 * Several layers, each below the one that it depends on (Sønderby et al. 2016).
 * @param {Opened} opened
 * @returns {Latents}
 */
export function ladder(opened) {
  const { above, latent, activation } = opened.config;
  const sizes = [...above.toReversed(), latent];
  const bend = ACTIVATIONS[activation];
  /** @param {string} prefix @returns {Network} */
  const bent = (prefix) => {
    const network = mlp(opened, prefix, activation);
    return (x) => apply(network(x), bend);
  };
  // The first network begins with what flattens the image.
  const upwards = sizes.map((_, level) => bent(`encoder.networks.${level}.${level === 0 ? 1 : 0}`));
  const downwards = sizes.map((_, level) => bent(`decoder.networks.${level}.0`));
  return {
    sizes,
    read(x) {
      const found = [];
      for (const network of upwards) found.unshift((x = network(x)));
      return found;
    },
    posterior(level, found, state) {
      const name = `decoder.posteriors.${level}`;
      const seen = state ? joined(found, state) : found;
      return linear(opened.tensor(`${name}.weight`), seen, opened.tensor(`${name}.bias`));
    },
    descend: (level, z, state) => downwards[level](state ? joined(z, state) : z),
  };
}
