/**
 * The readable language models: the bigram, and the ladder of ideas that climbs from it to GPT-2;
 * `olaria.models.language`.
 */

import { attend, columns, headMatrices, rows, sum } from "./attention.js";
import { causal } from "./causal.js";
import { apply, geluTanh, layerNorm, linear, relu } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./weights.js").Tensor} Tensor */
/** @typedef {import("./causal.js").Recorder} Recorder */
/** @typedef {import("./causal.js").LanguageModel} LanguageModel */
/** @typedef {import("./attention.js").Cache} Cache */
/** @typedef {import("./attention.js").Sight} Sight */

/**
 * A table: row = this token, column = logits of the next. Its "stream" is the row itself.
 * @param {Opened} opened
 * @returns {LanguageModel}
 */
export function createBigram(opened) {
  const table = opened.tensor("table.weight");
  const size = table.shape[0];
  return causal({
    family: "bigram",
    context: 1,
    size,
    width: size,
    numLayers: 0,
    adds: false,
    embedding: table,
    forward: (ids, cache, record) => {
      const stream = rows(table, ids);
      record?.embedding(stream, null, stream);
      cache.length += ids.length;
      return stream;
    },
    head: (stream) => stream.slice(),
    matrices: () => null,
  });
}

// -- the ladder --------------------------------------------------------------------------------------

const RUNGS = ["average", "head", "multi-head", "feed-forward", "residual", "norm", "gpt"];

/**
 * A causal language model on a rung of the ladder; each rung has what those below it have.
 *
 * average: the uniform mean of the past; head: self-attention; multi-head: several, and a projection that mixes them;
 * feed-forward: a nonlinear layer on each position; residual: both are added to a stream; norm: a layer norm before
 * each and before the head; gpt: biases, GELU, the embedding as head.
 * @param {Opened} opened
 * @returns {LanguageModel}
 */
export function createLanguage(opened) {
  const { context, num_layers: numLayers, num_heads: numHeads, width, rung } = opened.config;
  /** @param {string} other */
  const has = (other) => RUNGS.indexOf(rung) >= RUNGS.indexOf(other);
  const embedding = opened.tensor("embedding.weight");
  const positions = opened.tensor("positions.weight");
  const tensor = tensorOf(opened);
  const norm = normOf(tensor, "norm");
  const headWeight = has("gpt") ? embedding : opened.tensor("head.weight");
  const headBias = has("gpt") ? null : opened.tensor("head.bias");
  const names = Array.from({ length: numLayers }, (_, layer) => `blocks.${layer}`);
  const layers = has("head")
    ? names.map((name) => block(tensor, name, has, width))
    : [averageLayer(width)];

  /** @param {number[]} ids @param {Cache} cache @param {Recorder | null} record */
  const forward = (ids, cache, record) => {
    const start = cache.length;
    const numKeys = start + ids.length;
    const tokens = rows(embedding, ids);
    const placed = positions.data.subarray(start * width, numKeys * width);
    let x = sum(tokens, placed);
    record?.embedding(tokens, placed.slice(), x);
    /** @type {Sight} */
    const sight = {
      numHeads,
      width,
      numKeys,
      scale: (record?.queries ?? 1) * (width / numHeads) ** -0.5,
      range: (t) => [0, start + t + 1],
    };
    layers.forEach((layer, place) => {
      const parts = layer(x, cache.layers[place], start, sight, record !== null);
      x = parts.stream;
      record?.layer(parts);
    });
    cache.length = numKeys;
    return x;
  };

  return causal({
    family: "language",
    context,
    size: embedding.shape[0],
    width,
    numLayers: layers.length,
    adds: has("residual"),
    embedding,
    forward,
    head: (stream) => linear(headWeight, norm(stream), headBias),
    matrices: (layer, place) => {
      const qkv = tensor(`blocks.${layer}.qkv.weight`);
      return qkv && headMatrices(qkv, place, numHeads);
    },
  });
}

/**
 * @typedef {(x: Float32Array, cached: {keys: Float32Array, values: Float32Array}, start: number, sight: Sight,
 *   isRecorded: boolean) => Record<string, any> & {stream: Float32Array}} Layer new positions (T, width), after `start`
 *   cached ones, to the parts of a `LayerTrace`
 */

/** @typedef {(name: string) => Tensor | null} Tensors the weights of a name, null where the rung has none */

/**
 * @param {Opened} opened
 * @returns {Tensors}
 */
const tensorOf = (opened) => (name) => (opened.has(name) ? opened.tensor(name) : null);

/**
 * A layer norm; the identity on the rungs that have none.
 * @param {Tensors} tensor
 * @param {string} name
 * @returns {(x: Float32Array) => Float32Array}
 */
function normOf(tensor, name) {
  const weight = tensor(`${name}.weight`);
  return weight ? (x) => layerNorm(x, weight, tensor(`${name}.bias`)) : (x) => x;
}

/**
 * A linear layer, with its bias where it has one.
 * @param {Tensors} tensor
 * @param {string} name
 * @returns {((x: Float32Array) => Float32Array) | null} null where the rung has no such layer
 */
function linearOf(tensor, name) {
  const weight = tensor(`${name}.weight`);
  return weight && ((x) => linear(weight, x, tensor(`${name}.bias`)));
}

/**
 * Attention between positions, then feed-forward on each alone.
 * @param {Tensors} tensor
 * @param {string} name of the block
 * @param {(rung: string) => boolean} has
 * @param {number} width
 * @returns {Layer}
 */
function block(tensor, name, has, width) {
  const [norm1, norm2] = [normOf(tensor, `${name}.norm_1`), normOf(tensor, `${name}.norm_2`)];
  const qkv = /** @type {(x: Float32Array) => Float32Array} */ (linearOf(tensor, `${name}.qkv`));
  const attentionOut = linearOf(tensor, `${name}.attention_out`);
  const feedIn = linearOf(tensor, `${name}.feed_in`);
  const feedOut = linearOf(tensor, `${name}.feed_out`);
  const activation = has("gpt") ? geluTanh : relu;
  /** @param {Float32Array} x @param {Float32Array} output */
  const join = (x, output) => (has("residual") ? sum(x, output) : output);
  return (x, cached, start, sight, isRecorded) => {
    const input = norm1(x);
    const made = qkv(input);
    cached.keys.set(columns(made, width, 3, 1), start * width);
    cached.values.set(columns(made, width, 3, 2), start * width);
    /** @type {Record<string, any>} */
    const parts = {};
    const keep = isRecorded ? (/** @type {object} */ seen) => Object.assign(parts, seen) : null;
    const heads = attend(columns(made, width, 3, 0), cached.keys, cached.values, sight, keep);
    const attention = attentionOut ? attentionOut(heads) : heads;
    const middle = join(x, attention);
    const before = { ...parts, input, attention, middle };
    if (!feedIn || !feedOut) {
      return { ...before, feedInput: null, hidden: null, feedForward: null, stream: middle };
    }
    const feedInput = norm2(middle);
    const hidden = apply(feedIn(feedInput), activation);
    const feedForward = feedOut(hidden);
    return { ...before, feedInput, hidden, feedForward, stream: join(middle, feedForward) };
  };
}

/**
 * The lowest rung: each vector becomes the mean of those up to it, all scores being 0.
 * @param {number} width
 * @returns {Layer}
 */
function averageLayer(width) {
  return (x, cached, start, sight, isRecorded) => {
    cached.values.set(x, start * width);
    /** @type {Record<string, any>} */
    const parts = {};
    const keep = isRecorded ? (/** @type {object} */ seen) => Object.assign(parts, seen) : null;
    // Without queries every score is 0; the keys are of no consequence.
    const mean = attend(new Float32Array(x.length), cached.values, cached.values, sight, keep);
    const made = { ...parts, queries: null, keys: null, input: x, attention: mean, middle: mean };
    return { ...made, feedInput: null, hidden: null, feedForward: null, stream: mean };
  };
}
