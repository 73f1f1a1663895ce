/**
 * Autoencoder and variational autoencoder, as of `olaria.models.autoencoder` and `olaria.models.vae`.
 */

import { convDecoder, convEncoder, toPicture } from "./conv.js";
import { flow, ladder, mlp, single, withClass } from "./dense.js";
import { sigmoid, vector } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./dense.js").Network} Network */

/**
 * @typedef {object} Encoded
 * @property {Float32Array} mean of the posterior; the latent vector of a model without a distribution
 * @property {Float32Array} [std] its standard deviations
 * @property {Float32Array} [code] the latent vector of the mean: another one only where a flow learns the prior
 */

/**
 * @typedef {object} ImageModel
 * @property {number} latent numbers in a latent vector
 * @property {number[]} shape [C, H, W]
 * @property {number} classes that it is conditioned on; 0 for none
 * @property {(x: ArrayLike<number>, y?: number | null) => Encoded} [encode] where the page holds the encoder
 * @property {(z: ArrayLike<number>, y?: number | null) => Float32Array} decode to pixels in [0, 1], (C, H, W)
 * @property {(eps: ArrayLike<number>, y?: number | null) => Float32Array} [draw]
 *   an image of noise from N(0, I), where the model has a prior
 * @property {(x: ArrayLike<number>, eps: ArrayLike<number>, y?: number | null) => Float32Array} [redraw]
 *   a latent vector of the posterior by its noise
 */

/**
 * The encoder and the decoder of a model, dense or convolutional.
 * @param {Opened} opened
 * @param {string} decoder prefix of its decoder
 * @returns {{encode: Network, decode: Network}} an image to numbers; numbers to an unbounded image. Where the encoder is
 *   left out, the first is never called.
 */
function imagePair(opened, decoder) {
  const { network, activation } = opened.config;
  const shape = /** @type {number[]} */ (opened.dimensions);
  if (network === "conv") {
    const encoder = /** @type {import("./conv.js").ConvEncoder} */ (opened.encodes ? convEncoder(opened, "encoder") : null);
    return {
      encode: (x) => encoder.head(encoder.describe(toPicture(x, shape))),
      decode: convDecoder(opened, decoder),
    };
  }
  return {
    encode: mlp(opened, "encoder.1", activation),
    decode: mlp(opened, `${decoder}.0`, activation),
  };
}

/**
 * @param {Float32Array} mean of the training images
 * @param {ArrayLike<number>} x
 * @returns {Float32Array} x - mean
 */
export function centred(mean, x) {
  const out = vector(x, mean.length);
  for (let i = 0; i < out.length; i++) out[i] -= mean[i];
  return out;
}

/**
 * Pixels of a decoder's output, in place: σ(output + logit of the mean image).
 * @param {Float32Array} output
 * @param {Float32Array} logit
 * @returns {Float32Array} `output`
 */
export function toPixels(output, logit) {
  for (let i = 0; i < output.length; i++) output[i] = sigmoid(output[i] + logit[i]);
  return output;
}

/**
 * @param {Opened} opened
 * @returns {ImageModel}
 */
export function createAutoencoder(opened) {
  const pair = imagePair(opened, "decoder");
  const mean = opened.tensor("statistics.mean").data;
  const logit = opened.tensor("statistics.logit").data;
  return {
    latent: opened.config.latent,
    shape: /** @type {number[]} */ (opened.dimensions),
    classes: 0,
    ...(opened.encodes && { encode: (x) => ({ mean: pair.encode(centred(mean, x)) }) }),
    decode(z) {
      const output = pair.decode(vector(z, opened.config.latent));
      if (opened.config.output === "sigmoid") return toPixels(output, logit);
      return output.map((value, i) => Math.min(1, Math.max(0, value + mean[i])));
    },
  };
}

/**
 * @param {Opened} opened
 * @returns {ImageModel}
 */
export function createVae(opened) {
  const { config } = opened;
  const { above, latent, classes } = config;
  const pair = above.length
    ? { encode: null, decode: mlp(opened, "decoder.network.0", config.activation) }
    : imagePair(opened, "decoder.network");
  const latents = pair.encode ? single(latent, pair.encode) : ladder(opened);
  const size = latents.sizes.reduce((sum, each) => sum + each, 0);
  const prior = config.flow ? flow(opened, "flow", size, config.flow, classes) : null;
  const mean = opened.tensor("statistics.mean").data;
  const logit = opened.tensor("statistics.logit").data;

  /**
   * Mean, standard deviation and a draw of each latent variable, layer by layer from the top.
   * @param {ArrayLike<number>} x
   * @param {ArrayLike<number> | null} noise of the draw; none where null
   */
  const posterior = (x, noise) => {
    const found = latents.read(centred(mean, x));
    const [means, stds, drawn] = [0, 0, 0].map(() => new Float32Array(size));
    let at = 0;
    /** @type {Float32Array | null} */
    let state = null;
    for (const [level, width] of latents.sizes.entries()) {
      const said = latents.posterior(level, found[level], state);
      for (let i = 0; i < width; i++) {
        means[at + i] = said[i];
        stds[at + i] = Math.exp(0.5 * said[width + i]);
        drawn[at + i] = means[at + i] + (noise ? stds[at + i] * noise[at + i] : 0);
      }
      state = latents.descend(level, drawn.subarray(at, at + width), state);
      at += width;
    }
    return { means, stds, drawn };
  };

  /** @type {ImageModel["decode"]} */
  const decode = (z, y) => {
    const given = vector(z, size);
    const h = prior ? prior.inverse(given, y) : given;
    let at = 0;
    /** @type {Float32Array | null} */
    let state = null;
    for (const [level, width] of latents.sizes.entries()) {
      state = latents.descend(level, h.subarray(at, at + width), state);
      at += width;
    }
    return toPixels(pair.decode(withClass(state ?? h, y, classes)), logit);
  };

  /** @type {ImageModel["encode"]} */
  const encode = (x, y) => {
    const { means, stds } = posterior(x, null);
    return { mean: means, std: stds, code: prior ? prior.forward(means, y) : means };
  };

  /** @type {ImageModel["redraw"]} */
  const redraw = (x, eps, y) => {
    const { drawn } = posterior(x, eps);
    return prior ? prior.forward(drawn, y) : drawn;
  };

  return {
    latent: size,
    shape: /** @type {number[]} */ (opened.dimensions),
    classes,
    decode,
    draw: decode,
    ...(opened.encodes && { encode, redraw }),
  };
}
