/**
 * Generative adversarial network of images, as of `olaria.models.gan`.
 */

import { convDecoder, convEncoder, forPictures, toPicture } from "./conv.js";
import { withClass } from "./dense.js";
import { apply, dot, linear, sigmoid, vector } from "./tensor.js";
import { numElements } from "./weights.js";

/** @typedef {import("./weights.js").Opened} Opened */

/**
 * @typedef {object} ImageGan
 * @property {number} latent numbers of the noise
 * @property {number[]} shape [C, H, W]
 * @property {number} classes that both networks are conditioned on; 0 for none
 * @property {(z: ArrayLike<number>, y?: number | null) => Float32Array} generate noise to pixels in [0, 1], (C, H, W)
 * @property {(x: ArrayLike<number>, y?: number | null) => number} [judge] an image to the logit of being real, where the
 *   page holds the discriminator
 * @property {(x: ArrayLike<number>) => Float32Array} [classify] logits of the classes, where the discriminator
 *   predicts the class
 */

/**
 * @param {Opened} opened
 * @returns {ImageGan}
 */
export function createGan(opened) {
  const { config } = opened;
  const { latent, classes } = config;
  const shape = /** @type {number[]} */ (opened.dimensions);
  const decode = convDecoder(opened, "generator.decoder", true);
  /** @type {ImageGan} */
  const model = {
    latent,
    shape,
    classes,
    generate: (z, y) => apply(decode(withClass(vector(z, latent), y, classes)), sigmoid),
  };
  if (!opened.encodes) return model;

  const { describe, head, shape: seen } = convEncoder(opened, "discriminator", {
    slope: config.slope,
    depth: config.discriminator_depth,
  });
  const rows = classes ? forPictures(opened.tensor("class_rows.weight"), seen) : null;
  const projects = rows !== null && config.conditioning === "projection";

  /** @param {ArrayLike<number>} x */
  const features = (x) => {
    const centred = apply(vector(x, numElements(shape)), (value) => 2 * value - 1);
    return describe(toPicture(centred, shape));
  };

  model.judge = (x, y) => {
    const found = features(x);
    const logit = head(found)[0];
    if (!projects || y == null) return logit;
    if (!(y >= 0 && y < classes)) throw new RangeError(`no class ${y}`);
    return logit + dot(rows.data, y * found.length, found, 0, found.length);
  };
  if (rows && !projects) {
    const bias = opened.tensor("class_rows.bias");
    model.classify = (x) => linear(rows, features(x), bias);
  }
  return model;
}
