/**
 * Which module runs which family, and whether what runs equals what was trained.
 */

import { createAutoencoder, createVae } from "./autoencoder.js";
import { createGan } from "./gan.js";
import { createPlaneGan } from "./plane_gan.js";
import { createPointFlow } from "./point_flow.js";
import { createImageFlow } from "./image_flow.js";
import { createLatentFlow } from "./latent_flow.js";
import { createGpt } from "./gpt.js";
import { createMask } from "./mask.js";
import { createBigram, createLanguage } from "./language.js";
import { isProved } from "./tokens.js";
import { createTranslation } from "./translation.js";
import { createVq } from "./vq.js";
import { PlayError, decodeBase64, toFloats } from "./weights.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./tokens.js").TokenizerDocument} TokenizerDocument */

/**
 * Family to the function that makes its model of an opened document.
 * @type {Record<string, (opened: Opened) => any>}
 */
export const MODELS = {
  autoencoder: createAutoencoder,
  vae: createVae,
  vq: createVq,
  gan: createGan,
  mask: createMask,
  "plane-gan": createPlaneGan,
  "image-flow": createImageFlow,
  "point-flow": createPointFlow,
  "latent-flow": createLatentFlow,
  bigram: createBigram,
  language: createLanguage,
  gpt: createGpt,
  translation: createTranslation,
};

/** Largest difference from Python's numbers, in units of the number where that is above 1. */
export const TOLERANCE = 1e-4;

/**
 * The model of an opened document.
 * @param {Opened} opened
 * @returns {any} see the module of its family
 */
export function create(opened) {
  if (!Object.hasOwn(MODELS, opened.family)) {
    throw new PlayError("family", `no module runs the family ${opened.family}`);
  }
  return MODELS[opened.family](opened);
}

/**
 * @typedef {object} Proved
 * @property {number} largest difference; Infinity where something is missing or no number
 * @property {number} count of the numbers compared
 * @property {boolean} holds whether the weights are intact, no difference is above `TOLERANCE`, and the tokenizer of a
 *   model of text gives the ids that Python's gives
 */

/**
 * Repeats what Python recorded, and compares every number.
 * @param {Opened} opened
 * @param {any} model made of it
 * @returns {Proved}
 */
export function prove(opened, model) {
  const steps = proving(opened, model);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * As `prove`, one call of the model at a time, so that a page can draw between them.
 * @param {Opened} opened
 * @param {any} model made of it
 * @returns {Generator<number, Proved, void>} yields how many of the calls are done
 */
export function* proving(opened, model) {
  let largest = 0;
  let count = 0;
  for (const [index, { call, part, inputs, output }] of opened.proof.entries()) {
    const expected = toFloats(decodeBase64(output.values));
    const difference = isMethod(model, call)
      ? largestDifference(numbers(model[call](...Object.values(inputs)), part), expected)
      : Infinity;
    largest = Math.max(largest, difference);
    count += expected.length;
    yield index + 1;
  }
  const isRead = !opened.tokenizer || isProved(/** @type {TokenizerDocument} */ (opened.tokenizer));
  const holds = opened.intact && isRead && count > 0 && largest <= TOLERANCE;
  return { largest, count, holds };
}

/**
 * Whether a model has a method of a name that is its own, or its class's.
 * @param {any} model
 * @param {string} name
 */
function isMethod(model, name) {
  return typeof model[name] === "function" && !(name in Object.prototype);
}

/**
 * @param {any} result of a model's method
 * @param {string | undefined} part of it
 * @returns {ArrayLike<number>}
 */
function numbers(result, part) {
  const value = part && Object.hasOwn(result, part) ? result[part] : result;
  return typeof value === "number" ? [value] : value;
}

/**
 * @param {ArrayLike<number>} found
 * @param {Float32Array} expected
 * @returns {number}
 */
export function largestDifference(found, expected) {
  if (found.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
