/**
 * The encoder–decoder: reads one sequence whole, then writes another token by token; `olaria.models.translation`.
 *
 * All attention is one formula. Its three kinds differ in where queries, keys and values come from: the encoder's from
 * the source, the decoder's from the target so far, the cross-attention's queries from the target, its keys and values
 * from the encoder's output.
 */

import { attend, columns, emptyCache, rotaryAngles, rows, sum } from "./attention.js";
import { apply, argmax, linear, rmsNorm, softmax, squaredRelu } from "./tensor.js";

/** @typedef {import("./weights.js").Opened} Opened */
/** @typedef {import("./weights.js").Tensor} Tensor */
/** @typedef {import("./attention.js").AttentionParts} AttentionParts */
/** @typedef {import("./attention.js").Cache} Cache */

/**
 * What the decoder keeps of a source, and the target so far.
 *
 * @typedef {object} State
 * @property {number[]} source ids that the encoder read, the end included
 * @property {number[]} target ids that the decoder read, the beginning included
 * @property {{keys: Float32Array, values: Float32Array}[]} memory of the source, for each decoder block's
 *   cross-attention, (S, C) each
 * @property {Cache} cache of the target
 * @property {Float32Array} logits (V + 1,) of the next token
 * @property {Tensor[]} weights cross-attention of the last token read, (H, 1, S) for each decoder block
 */

/**
 * A sublayer of self-attention or cross-attention, and what it adds to the stream.
 *
 * @typedef {AttentionParts & {input: Tensor, output: Tensor}} Mixed `input` (T, C) is what makes the queries, `output`
 *   (T, C) the contribution to the stream
 */

/**
 * @typedef {object} BlockTrace
 * @property {Mixed} selfAttention
 * @property {Mixed | null} crossAttention (T, S); null in the encoder
 * @property {Tensor} hidden (T, 4 C) of the feed-forward layer, after the nonlinearity
 * @property {Tensor} feedForward (T, C), its contribution to the stream
 * @property {Tensor} stream (T, C) after the block
 */

/**
 * @typedef {object} Trace
 * @property {number[]} source ids read by the encoder: those given, and the end
 * @property {number[]} target ids read by the decoder: the beginning, and those given
 * @property {{source: Tensor, target: Tensor}} embedding the streams that enter, positions added
 * @property {BlockTrace[]} encoder
 * @property {Tensor} encoded (S, C), the encoder's output
 * @property {BlockTrace[]} decoder
 * @property {Tensor} logits (T, V + 1)
 */

/**
 * @typedef {object} Written
 * @property {number} id
 * @property {boolean} isEnd whether it is the end of the target
 * @property {Float32Array} logits (V + 1,)
 * @property {Float32Array} probabilities (V + 1,)
 * @property {Tensor[]} weights cross-attention with which it was written, (H, 1, S) for each decoder block
 */

/** @param {Opened} opened */
export function createTranslation(opened) {
  const { context, num_layers: numLayers, num_heads: numHeads, width } = opened.config;
  const size = width / numHeads;
  const table = opened.tensor("embedding.weight");
  const headWeight = opened.tensor("head.weight");
  const numTokens = table.shape[0] - 3;
  const [eos, bos] = [numTokens, numTokens + 1];
  const positions = sinusoids(context + 1, width);
  const layers = Array.from({ length: numLayers }, (_, place) => place);
  const encoder = layers.map((place) => weightsOf(opened, `encoder.${place}`));
  const decoder = layers.map((place) => weightsOf(opened, `decoder.${place}`));
  const scale = size ** -0.5;

  /** Tokens and positions, (T, C). @param {number[]} ids @param {number} start */
  const embedded = (ids, start) => {
    const stop = start + ids.length;
    if (stop > context + 1) {
      throw new RangeError(`${stop - 1} tokens are more than the context of ${context}`);
    }
    const placed = positions.subarray(start * width, stop * width);
    return sum(rmsNorm(rows(table, ids), width), placed);
  };

  /**
   * One sublayer of attention: what it adds to the stream, and its parts where they are recorded.
   * @param {Float32Array} input (T, C)
   * @param {Float32Array} q (T, C)
   * @param {Float32Array} k (S, C), or longer
   * @param {Float32Array} v (S, C), or longer
   * @param {number} numKeys S
   * @param {Tensor} out projection
   * @param {(t: number) => [number, number]} range
   */
  const mix = (input, q, k, v, numKeys, out, range) => {
    /** @type {AttentionParts[]} */
    const kept = [];
    const sight = { numHeads, width, numKeys, scale, range };
    const heads = attend(rmsNorm(q, size), k, v, sight, (parts) => kept.push(parts));
    const output = linear(out, heads);
    return { ...kept[0], input: perPosition(input, width), output: perPosition(output, width) };
  };

  /**
   * The feed-forward sublayer, which ends a block.
   * @param {Float32Array} x (T, C)
   * @param {BlockWeights} block
   */
  const feed = (x, block) => {
    const hidden = apply(linear(block.feedIn, rmsNorm(x, width)), squaredRelu);
    const feedForward = linear(block.feedOut, hidden);
    return {
      hidden: perPosition(hidden, 4 * width),
      feedForward: perPosition(feedForward, width),
      stream: perPosition(sum(x, feedForward), width),
    };
  };

  /**
   * Self-attention in both directions, then feed-forward.
   * @param {Float32Array} x (S, C)
   * @param {BlockWeights} block
   * @returns {BlockTrace}
   */
  const encoderBlock = (x, block) => {
    const input = rmsNorm(x, width);
    const [q, k, v] = thirds(linear(block.qkv, input), width);
    const count = x.length / width;
    const normed = rmsNorm(k, size);
    const selfAttention = mix(input, q, normed, v, count, block.out, () => [0, count]);
    return {
      selfAttention,
      crossAttention: null,
      ...feed(sum(x, selfAttention.output.data), block),
    };
  };

  /**
   * Self-attention backwards only, then cross-attention to the source, then feed-forward.
   * @param {Float32Array} x (T, C)
   * @param {BlockWeights} block
   * @param {{keys: Float32Array, values: Float32Array}} past of the target
   * @param {number} start positions in `past`
   * @param {{keys: Float32Array, values: Float32Array}} source
   * @returns {BlockTrace & {crossAttention: Mixed}}
   */
  const decoderBlock = (x, block, past, start, source) => {
    const input = rmsNorm(x, width);
    const [q, k, v] = thirds(linear(block.qkv, input), width);
    const stop = start + x.length / width;
    past.keys.set(rmsNorm(k, size), start * width);
    past.values.set(v, start * width);
    const own = mix(input, q, past.keys, past.values, stop, block.out, (t) => [0, start + t + 1]);
    const middle = sum(x, own.output.data);
    const asking = rmsNorm(middle, width);
    const queries = linear(/** @type {Tensor} */ (block.crossQ), asking);
    const length = source.keys.length / width;
    const crossOut = /** @type {Tensor} */ (block.crossOut);
    const cross = mix(asking, queries, source.keys, source.values, length, crossOut, () => [
      0,
      length,
    ]);
    return {
      selfAttention: own,
      crossAttention: cross,
      ...feed(sum(middle, cross.output.data), block),
    };
  };

  /** Reads a source. @param {number[]} source ids, without the end */
  const encode = (source) => {
    const ids = [...source, eos];
    const entering = embedded(ids, 0);
    /** @type {BlockTrace[]} */
    const blocks = [];
    let x = entering;
    for (const block of encoder) {
      blocks.push(encoderBlock(x, block));
      x = blocks[blocks.length - 1].stream.data;
    }
    const encoded = rmsNorm(x, width);
    const memory = decoder.map((block) => {
      const both = linear(/** @type {Tensor} */ (block.crossKv), encoded);
      return {
        keys: rmsNorm(columns(both, width, 2, 0), size),
        values: columns(both, width, 2, 1),
      };
    });
    return { ids, entering, blocks, encoded, memory };
  };

  /**
   * Reads new tokens of a target, which join the cache.
   * @param {number[]} ids
   * @param {State["memory"]} memory
   * @param {Cache} cache
   */
  const decode = (ids, memory, cache) => {
    const start = cache.length;
    const entering = embedded(ids, start);
    let x = entering;
    const blocks = decoder.map((block, place) => {
      const parts = decoderBlock(x, block, cache.layers[place], start, memory[place]);
      x = parts.stream.data;
      return parts;
    });
    cache.length += ids.length;
    return { entering, blocks, logits: linear(headWeight, rmsNorm(x, width)) };
  };

  const newCache = () => emptyCache(numLayers, context + 1, width);

  /**
   * The state before the first token of the target is written.
   * @param {number[]} source ids, without the end
   * @returns {State}
   */
  const start = (source) => {
    const { ids, memory } = encode(source);
    const none = new Float32Array(0);
    const state = { source: ids, memory, target: [], cache: newCache(), logits: none, weights: [] };
    step(state, bos);
    return state;
  };

  /** Logits after one more token of the target. @param {State} state @param {number} id */
  const step = (state, id) => {
    const { logits, blocks } = decode([id], state.memory, state.cache);
    state.target.push(id);
    state.weights = blocks.map((block) => block.crossAttention.weights);
    state.logits = logits;
    return logits;
  };

  /**
   * Everything that a page shows of a source and its target.
   * @param {number[]} source ids, without the end
   * @param {number[]} target ids, without the beginning
   * @returns {Trace}
   */
  const trace = (source, target) => {
    const read = encode(source);
    const ids = [bos, ...target];
    const written = decode(ids, read.memory, newCache());
    return {
      source: read.ids,
      target: ids,
      embedding: {
        source: perPosition(read.entering, width),
        target: perPosition(written.entering, width),
      },
      encoder: read.blocks,
      encoded: perPosition(read.encoded, width),
      decoder: written.blocks,
      logits: perPosition(written.logits, numTokens + 1),
    };
  };

  /**
   * The likeliest token each time, until the end or `maxTokens`.
   * @param {number[]} source ids, without the end
   * @param {{maxTokens?: number}} options
   * @returns {Generator<Written, void, void>}
   */
  function* generate(source, { maxTokens = context } = {}) {
    const state = start(source);
    for (let written = 0; written < Math.min(maxTokens, context); written++) {
      const { logits, weights } = state;
      const id = argmax(logits);
      const isEnd = id === eos;
      yield { id, isEnd, logits, weights, probabilities: softmax(logits.slice()) };
      if (isEnd) return;
      if (written + 1 < Math.min(maxTokens, context)) step(state, id);
    }
  }

  return {
    family: "translation",
    context,
    size: numTokens,
    width,
    numLayers,
    embedding: table,
    eos,
    bos,
    /** Logits after the last token of a target. @param {number[]} source @param {number[]} target */
    logits: (source, target) => {
      const { memory } = encode(source);
      const { logits } = decode([bos, ...target], memory, newCache());
      return logits.slice(-(numTokens + 1));
    },
    trace,
    start,
    step,
    generate,
  };
}

/**
 * @typedef {object} BlockWeights
 * @property {Tensor} qkv
 * @property {Tensor} out
 * @property {Tensor | null} crossQ null in the encoder, as the next two
 * @property {Tensor | null} crossKv
 * @property {Tensor | null} crossOut
 * @property {Tensor} feedIn
 * @property {Tensor} feedOut
 */

/**
 * @param {Opened} opened
 * @param {string} name of the block
 * @returns {BlockWeights}
 */
function weightsOf(opened, name) {
  /** @param {string} part */
  const cross = (part) => {
    const weight = `${name}.cross_attention.${part}.weight`;
    return opened.has(weight) ? opened.tensor(weight) : null;
  };
  return {
    qkv: opened.tensor(`${name}.self_attention.qkv.weight`),
    out: opened.tensor(`${name}.self_attention.out.weight`),
    crossQ: cross("q"),
    crossKv: cross("kv"),
    crossOut: cross("out"),
    feedIn: opened.tensor(`${name}.feed_forward.feed_in.weight`),
    feedOut: opened.tensor(`${name}.feed_forward.feed_out.weight`),
  };
}

/**
 * Queries, keys and values of one product, (T, 3 · width).
 * @param {Float32Array} made
 * @param {number} width
 */
function thirds(made, width) {
  return [0, 1, 2].map((part) => columns(made, width, 3, part));
}

/**
 * Sinusoids of positions, (count, width): sin t θ_j, then cos t θ_j (Vaswani et al. 2017, section 3.5).
 * @param {number} count
 * @param {number} width
 * @returns {Float32Array}
 */
function sinusoids(count, width) {
  const { cos, sin } = rotaryAngles(count, width);
  const half = width / 2;
  const out = new Float32Array(count * width);
  for (let t = 0; t < count; t++) {
    out.set(sin.subarray(t * half, (t + 1) * half), t * width);
    out.set(cos.subarray(t * half, (t + 1) * half), t * width + half);
  }
  return out;
}

/**
 * @param {Float32Array} data (T, size)
 * @param {number} size
 * @returns {Tensor}
 */
function perPosition(data, size) {
  return { data, shape: [data.length / size, size] };
}
