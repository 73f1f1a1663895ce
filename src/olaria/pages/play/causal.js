/**
 * What every model of one text can do, made of one function: its network over new positions after those cached.
 */

import { emptyCache } from "./attention.js";
import { choose, nextProbabilities, uniforms } from "./sampling.js";
import { argmax } from "./tensor.js";

/** @typedef {import("./attention.js").Cache} Cache */
/** @typedef {import("./attention.js").AttentionParts} AttentionParts */
/** @typedef {import("./sampling.js").SamplingOptions} SamplingOptions */
/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * A layer as a page shows it. T positions, width C, H heads of D features.
 *
 * @typedef {AttentionParts & {
 *   input: Tensor,
 *   attention: Tensor,
 *   middle: Tensor,
 *   feedInput: Tensor | null,
 *   hidden: Tensor | null,
 *   feedForward: Tensor | null,
 *   stream: Tensor,
 *   readonly logits: Tensor,
 * }} LayerTrace `input` (T, C) is what attention reads, normed where there are norms; `attention` (T, C) its
 *   contribution to the stream, `middle` the stream after it; `feedInput`, `hidden` (T, 4 C, after the nonlinearity) and
 *   `feedForward` likewise of the second sublayer, null where there is none; `stream` (T, C) the residual stream after
 *   the layer; `logits` (T, V) what the head reads in that (the lens), computed when it is asked for
 */

/**
 * @typedef {object} Trace
 * @property {number[]} ids those that were read: the last `context` of those given
 * @property {boolean} adds whether sublayers add to the stream; else their output replaces it
 * @property {{tokens: Tensor, positions: Tensor | null, stream: Tensor, readonly logits: Tensor}} embedding vectors of
 *   tokens and of positions, (T, C) each; the stream that enters the first layer, and the lens on it
 * @property {LayerTrace[]} layers
 * @property {Tensor} logits (T, V)
 */

/**
 * What a network records of itself.
 *
 * @typedef {object} Recorder
 * @property {(tokens: Float32Array, positions: Float32Array | null, stream: Float32Array) => void} embedding
 * @property {(layer: Record<string, any>) => void} layer
 * @property {number} queries factor of all queries: 1 as learned, 0 for the uniform mean
 */

/**
 * @typedef {object} Network
 * @property {string} family
 * @property {number} context most positions that it reads
 * @property {number} size vocabulary's size V
 * @property {number} width of the stream, C
 * @property {number} numLayers
 * @property {number} [numCached] layers that the cache holds; all unless given
 * @property {boolean} adds see {@link Trace}
 * @property {number} [reach] positions of a chunk of local attention; the context unless given
 * @property {Tensor} embedding vectors of all tokens, (V, C)
 * @property {(ids: number[], cache: Cache, record: Recorder | null) => Float32Array} forward the stream (T, C) of new
 *   positions, whose keys and values join the cache
 * @property {(stream: Float32Array) => Float32Array} head logits (T, V) of a stream (T, C)
 * @property {(layer: number, head: number) => {query: Tensor, key: Tensor, value: Tensor} | null} matrices those that
 *   make a head's queries, keys and values, (C, D) each, without biases; null where a layer only averages
 */

/**
 * @typedef {object} State
 * @property {number[]} ids the window: what the model reads at present
 * @property {Cache} cache
 * @property {Float32Array | null} logits (V,) of the token after the window; null before the first token
 * @property {boolean} slid whether the last step moved the window on, past the beginning of the text
 */

/**
 * @typedef {object} Drawn
 * @property {number} id
 * @property {Float32Array} logits (V,) that the model gave
 * @property {Float32Array} probabilities (V,) that it was drawn from
 * @property {boolean} slid see {@link State}
 */

/**
 * @typedef {Network & {
 *   logits: (tokens: number[]) => Float32Array,
 *   trace: (tokens: number[], options?: {queries?: number}) => Trace,
 *   start: (tokens?: number[]) => State,
 *   step: (state: State, id: number) => Float32Array,
 *   more: (state: State, ids: number[]) => Float32Array | null,
 *   generate: (tokens: number[], options?: SamplingOptions) => Generator<Drawn, void, void>,
 * }} LanguageModel `more` is several steps, which are computed together where the window has room for them
 */

/**
 * @param {Network} network
 * @returns {LanguageModel}
 */
export function causal(network) {
  const { context, size, width } = network;
  const reach = network.reach ?? context;
  // What the last position depends on: a chunk for each layer, its own, and the rest of the first.
  const depth = (network.numLayers + 2) * reach;
  const newCache = () => emptyCache(network.numCached ?? network.numLayers, context, width);

  /** @param {Float32Array} stream */
  const lastLogits = (stream) => network.head(stream.subarray(stream.length - width));

  /** @param {State} state */
  const readWindow = (state) => {
    // Positions are relative where attention is local: whole chunks out of reach can be left out.
    const unread = Math.floor(Math.max(0, state.ids.length - depth) / reach) * reach;
    state.cache = newCache();
    return lastLogits(network.forward(state.ids.slice(unread), state.cache, null));
  };

  /** @param {number[]} tokens @returns {State} */
  const start = (tokens = []) => {
    /** @type {State} */
    const state = { ids: tokens.slice(-context), cache: newCache(), logits: null, slid: false };
    if (tokens.length) state.logits = readWindow(state);
    state.slid = tokens.length > context;
    return state;
  };

  /** @param {State} state @param {number} id */
  const step = (state, id) => {
    state.ids.push(id);
    state.slid = state.ids.length > context;
    if (state.slid) {
      // The later half is kept and read anew, so that positions stay within what was trained.
      state.ids = state.ids.slice(-Math.max(1, Math.floor(context / 2)));
      state.logits = readWindow(state);
    } else {
      state.logits = lastLogits(network.forward([id], state.cache, null));
    }
    return state.logits;
  };

  /** @param {State} state @param {number[]} ids */
  const more = (state, ids) => {
    if (state.ids.length + ids.length > context) {
      for (const id of ids) step(state, id);
    } else if (ids.length) {
      state.ids.push(...ids);
      state.logits = lastLogits(network.forward(ids, state.cache, null));
    }
    return state.logits;
  };

  /** @param {number[]} tokens */
  const logits = (tokens) => {
    if (!tokens.length) throw new RangeError("there is no token to go on from");
    return /** @type {Float32Array} */ (start(tokens).logits);
  };

  /** @param {number[]} tokens @param {{queries?: number}} options @returns {Trace} */
  const trace = (tokens, { queries = 1 } = {}) => {
    if (!tokens.length) throw new RangeError("there is no token to read");
    const ids = tokens.slice(-context);
    /** @param {Float32Array} data */
    const perPosition = (data) => ({ data, shape: [ids.length, data.length / ids.length] });
    /** @type {any} */
    const made = { ids, adds: network.adds, embedding: null, layers: [], logits: null };
    const stream = network.forward(ids, newCache(), {
      queries,
      embedding: (vectors, positions, entering) => {
        const parts = { tokens: perPosition(vectors), stream: perPosition(entering) };
        const all = { ...parts, positions: positions && perPosition(positions) };
        made.embedding = withLens(all, network, entering, size);
      },
      layer: (parts) => {
        const tensors = Object.entries(parts).map(([name, part]) => [
          name,
          part instanceof Float32Array ? perPosition(part) : part,
        ]);
        made.layers.push(withLens(Object.fromEntries(tensors), network, parts.stream, size));
      },
    });
    made.logits = perPosition(network.head(stream));
    return made;
  };

  /** @param {number[]} tokens @param {SamplingOptions} options */
  function* generate(tokens, options = {}) {
    const state = start(tokens);
    const random = options.random ?? uniforms(options.seed ?? 0);
    const text = [...tokens];
    for (let written = 0; written < (options.maxTokens ?? Infinity); written++) {
      const given = written ? step(state, text[text.length - 1]) : state.logits;
      if (!given) throw new RangeError("there is no token to go on from");
      const probabilities = nextProbabilities(given, text.slice(-context), options);
      const id = options.greedy ? argmax(probabilities) : choose(probabilities, random());
      yield { id, logits: given, probabilities, slid: state.slid };
      text.push(id);
    }
  }

  return { ...network, logits, trace, start, step, more, generate };
}

/**
 * `parts` with a property `logits`, what the head reads in a stream, which is computed when it is asked for.
 * @param {Record<string, any>} parts
 * @param {Network} network
 * @param {Float32Array} stream (T, C)
 * @param {number} size V
 */
function withLens(parts, network, stream, size) {
  /** @type {Tensor | null} */
  let read = null;
  return Object.defineProperty(parts, "logits", {
    enumerable: true,
    get() {
      read ??= { data: network.head(stream), shape: [stream.length / network.width, size] };
      return read;
    },
  });
}
