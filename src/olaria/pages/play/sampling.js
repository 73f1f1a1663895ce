/**
 * What may be drawn next, and the draw: the rules of `olaria.sampling.autoregressive`.
 *
 * The rules equal Python's; the draws do not. Python's chance comes from PyTorch's generator, which is not rebuilt
 * here: `uniforms` makes its own numbers from a seed, and `choose` turns one of them into a token. A seed gives the
 * same text in every browser, and another text than the same seed in Python.
 */

import { argmax, softmax } from "./tensor.js";

/**
 * @typedef {object} SamplingOptions
 * @property {number} [temperature] logits are divided by it; 1 unless given
 * @property {number | null} [topK] keep the k most likely tokens
 * @property {number | null} [topP] keep the smallest set of tokens whose probability reaches p (Holtzman et al. 2020)
 * @property {number | null} [minP] keep the tokens at least this times as probable as the likeliest
 *   (Nguyen et al. 2024)
 * @property {number} [repetitionPenalty] above 1 makes tokens that stand in the context less likely (Keskar et al.
 *   2019)
 * @property {boolean} [greedy] take the likeliest token each time
 * @property {number} [seed] of `uniforms`; 0 unless given
 * @property {() => number} [random] numbers in [0, 1) instead of those of the seed
 * @property {number} [maxTokens]
 */

/**
 * Make the tokens of a text less likely to come again: x / θ where x > 0, else x θ.
 * @param {Float32Array} logits (V,)
 * @param {Iterable<number>} ids the text; how often a token stands there does not matter
 * @param {number} penalty θ
 * @returns {Float32Array} a new array
 */
export function penalizeRepetition(logits, ids, penalty) {
  const out = logits.slice();
  for (const id of new Set(ids)) out[id] = out[id] > 0 ? out[id] / penalty : out[id] * penalty;
  return out;
}

/**
 * Temperature, then top-k, top-p and min-p, each on what the one before left; what is left out becomes -Infinity.
 * @param {Float32Array} logits (V,)
 * @param {SamplingOptions} options
 * @returns {Float32Array} a new array; at least one number of it is finite
 */
export function filterLogits(logits, { temperature = 1, topK = null, topP = null, minP = null }) {
  const out = logits.map((x) => x / temperature);
  if (topK !== null && topK < out.length) {
    for (const id of descending(out).slice(topK)) out[id] = -Infinity;
  }
  if (topP !== null && topP < 1) keepReaching(out, topP);
  if (minP) {
    const least = Math.fround(out[argmax(out)] + Math.fround(Math.log(minP)));
    for (let id = 0; id < out.length; id++) if (out[id] < least) out[id] = -Infinity;
  }
  return out;
}

/**
 * Ids from the most likely to the least; of equals the first.
 * @param {Float32Array} logits
 * @returns {number[]}
 */
function descending(logits) {
  return Array.from(logits, (_, id) => id).sort((a, b) => logits[b] - logits[a] || a - b);
}

/**
 * A token goes when those before it already reach p: the first always stays.
 * @param {Float32Array} logits changed in place
 * @param {number} topP p
 */
function keepReaching(logits, topP) {
  const probabilities = softmax(logits.slice());
  const least = Math.fround(topP);
  let sum = 0;
  for (const id of descending(logits)) {
    sum += probabilities[id];
    // In single precision, as Python compares.
    if (Math.fround(Math.fround(sum) - probabilities[id]) >= least) logits[id] = -Infinity;
  }
}

/**
 * Probabilities of what is drawn next.
 * @param {Float32Array} logits (V,), as the model gives them
 * @param {number[]} text ids in the context, for the penalty
 * @param {SamplingOptions} options
 * @returns {Float32Array} (V,)
 */
export function nextProbabilities(logits, text, options) {
  const penalty = options.repetitionPenalty ?? 1;
  const penalized = penalty === 1 ? logits : penalizeRepetition(logits, text, penalty);
  return softmax(filterLogits(penalized, options));
}

/**
 * The token at a uniform number: the first whose cumulative probability exceeds it.
 * @param {Float32Array} probabilities (V,), of sum 1 but for rounding
 * @param {number} uniform in [0, 1)
 * @returns {number} id of a token whose probability is not 0
 */
export function choose(probabilities, uniform) {
  let total = 0;
  for (const probability of probabilities) total += probability;
  const target = uniform * total;
  let sum = 0;
  let last = 0;
  for (let id = 0; id < probabilities.length; id++) {
    if (probabilities[id] === 0) continue;
    sum += probabilities[id];
    last = id;
    if (sum > target) break;
  }
  return last;
}

/**
 * Uniform numbers in [0, 1), multiples of 2⁻³².
 *
 * The generator is `sfc32` (Doty-Humphrey 2010, *PractRand*): 128 bits of state, of which 32 count the numbers. The
 * seed is spread over the state by twelve numbers that are thrown away.
 * @param {number} seed a whole number
 * @returns {() => number}
 */
export function uniforms(seed) {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let thrown = 0; thrown < 12; thrown++) next();
  return next;
}
