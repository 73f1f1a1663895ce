/**
 * The fast GPT: blocks of causal self-attention and feed-forward on a residual stream; `olaria.models.gpt`.
 *
 * Norms are root-mean-square norms without weights, queries and keys are normalised and turned by their position's
 * angle (rotary positions), the activation is the squared ReLU, and logits stay within ± 15.
 */

import { attend, columns, headMatrices, rotaryAngles, rows, sum } from "./attention.js";
import { causal } from "./causal.js";
import { apply, linear, rmsNorm, squaredRelu } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./causal.js").Recorder} Recorder */
/** @typedef {import("./attention.js").Cache} Cache */

const LOGIT_CAP = 15;

/**
 * @param {Opened} opened
 * @returns {import("./causal.js").LanguageModel}
 */
export function createGpt(opened) {
  const { context, num_layers: numLayers, num_heads: numHeads, width } = opened.config;
  const reach = opened.config.chunk ?? context;
  const size = width / numHeads;
  const { cos, sin } = rotaryAngles(context, size);
  const embedding = opened.tensor("embedding.weight");
  const headWeight = opened.tensor("head.weight");
  const blocks = Array.from({ length: numLayers }, (_, layer) => ({
    qkv: opened.tensor(`blocks.${layer}.qkv.weight`),
    attentionOut: opened.tensor(`blocks.${layer}.attention_out.weight`),
    feedIn: opened.tensor(`blocks.${layer}.feed_in.weight`),
    feedOut: opened.tensor(`blocks.${layer}.feed_out.weight`),
  }));

  /** @param {number[]} ids @param {Cache} cache @param {Recorder | null} record */
  const forward = (ids, cache, record) => {
    const start = cache.length;
    const numKeys = start + ids.length;
    const queries = record?.queries ?? 1;
    const sight = {
      numHeads,
      width,
      numKeys,
      scale: queries * size ** -0.5,
      // Its own chunk of the text, and the one before.
      range: /** @type {(t: number) => [number, number]} */ (
        (t) => [Math.max(0, Math.floor((start + t) / reach) - 1) * reach, start + t + 1]
      ),
    };
    const vectors = rows(embedding, ids);
    let x = rmsNorm(vectors, width);
    record?.embedding(vectors, null, x);
    blocks.forEach((block, layer) => {
      const input = rmsNorm(x, width);
      const made = linear(block.qkv, input);
      const q = turned(rmsNorm(columns(made, width, 3, 0), size), start, cos, sin, width, size);
      const k = turned(rmsNorm(columns(made, width, 3, 1), size), start, cos, sin, width, size);
      const { keys, values } = cache.layers[layer];
      keys.set(k, start * width);
      values.set(columns(made, width, 3, 2), start * width);
      /** @type {Record<string, any>} */
      const parts = {};
      const keep = record && ((/** @type {object} */ seen) => Object.assign(parts, seen));
      const attention = linear(block.attentionOut, attend(q, keys, values, sight, keep));
      const middle = sum(x, attention);
      const feedInput = rmsNorm(middle, width);
      const hidden = apply(linear(block.feedIn, feedInput), squaredRelu);
      const feedForward = linear(block.feedOut, hidden);
      x = sum(middle, feedForward);
      record?.layer({
        ...parts,
        ...{ input, attention, middle, feedInput, hidden, feedForward, stream: x },
      });
    });
    cache.length = numKeys;
    return x;
  };

  /** @param {Float32Array} stream */
  const head = (stream) =>
    // Bounded smoothly (Gemma Team 2024, section 2).
    apply(
      linear(headWeight, rmsNorm(stream, width)),
      (logit) => LOGIT_CAP * Math.tanh(logit / LOGIT_CAP),
    );

  return causal({
    family: "gpt",
    context,
    size: embedding.shape[0],
    width,
    numLayers,
    adds: true,
    reach,
    embedding,
    forward,
    head,
    matrices: (layer, place) => headMatrices(blocks[layer].qkv, place, numHeads),
  });
}

/**
 * Turns each pair of features, j and j + D/2 of a head, by the angle of its position, in place (Su et al. 2021,
 * equation 34).
 * @param {Float32Array} x (T, H · D)
 * @param {number} start position of the first
 * @param {Float32Array} cos (positions, D / 2)
 * @param {Float32Array} sin likewise
 * @param {number} width H · D
 * @param {number} size D
 * @returns {Float32Array} `x`
 */
function turned(x, start, cos, sin, width, size) {
  const half = size / 2;
  for (let at = 0; at < x.length; at += size) {
    const angle = (start + Math.floor(at / width)) * half;
    for (let j = 0; j < half; j++) {
      const a = x[at + j];
      const b = x[at + half + j];
      x[at + j] = a * cos[angle + j] - b * sin[angle + j];
      x[at + half + j] = b * cos[angle + j] + a * sin[angle + j];
    }
  }
  return x;
}
