/**
 * The attention of a language model on a text as it grows: the beginning that stays is not read again, and a long text is
 * read in short spells, so that the page answers meanwhile.
 */

import { shared } from "./reading.js";

const SPELL_MS = 20;
const SPELL_TOKENS = 8;
/** Parts of an attention, and what stands where a position has no number yet. */
const REST = { queries: 0, keys: 0, values: 0, heads: 0, scores: -Infinity, weights: 0 };

/** @typedef {import("./causal.js").LanguageModel} LanguageModel */
/** @typedef {import("./attention.js").AttentionParts} AttentionParts */

/**
 * @param {LanguageModel} model
 */
export function makeTracer(model) {
  const { cache } = model.start();
  /** What each layer made at each position, head by head. @type {Record<string, Float32Array>[][]} */
  const layers = Array.from({ length: model.numLayers }, () => []);
  /** @type {number[]} */
  let read = [];
  let turn = 0, numHeads = 1;

  /** @param {number[]} ids that come next */
  const add = (ids) => {
    const start = read.length, count = ids.length;
    let layer = 0;
    model.forward(ids, cache, {
      queries: 1,
      embedding: () => {},
      layer: (parts) => {
        for (let i = 0; i < count; i++) {
          // Queries, weights and sums are of the new positions, keys and values of all.
          const row = Object.entries(REST).map(([name]) => {
            const isOfAll = name === "keys" || name === "values";
            return [name, rowOf(parts[name], isOfAll ? start + i : i)];
          });
          layers[layer].push(Object.fromEntries(row));
        }
        numHeads = parts.weights.shape[0];
        layer++;
      },
    });
    read.push(...ids);
  };

  return {
    /**
     * @param {number[]} ids at most as many as the model's context
     * @returns {Promise<boolean>} whether they were read, and no other text was asked for meanwhile
     */
    async readText(ids) {
      const mine = ++turn, common = shared(read, ids);
      cache.length = common;
      for (const rows of layers) rows.length = common;
      read.length = common;
      let since = performance.now();
      while (read.length < ids.length) {
        add(ids.slice(read.length, read.length + SPELL_TOKENS));
        if (performance.now() - since < SPELL_MS || read.length === ids.length) continue;
        await new Promise((done) => setTimeout(done, 0));
        if (mine !== turn) return false;
        since = performance.now();
      }
      return true;
    },
    /**
     * A layer's attention on all that was read, as `trace` of the model gives it.
     * @param {number} layer
     * @returns {AttentionParts}
     */
    layer(layer) {
      const rows = layers[layer];
      const parts = Object.entries(REST).map(([name, rest]) => [name, joined(rows.map((row) => row[name]), numHeads, rest)]);
      return Object.fromEntries(parts);
    },
  };
}

/**
 * One position of all heads, as a new array.
 * @param {import("./weights.js").Tensor} part (H, T, W)
 * @param {number} place
 * @returns {Float32Array} (H, W)
 */
function rowOf({ data, shape: [numHeads, count, width] }, place) {
  const row = new Float32Array(numHeads * width);
  for (let head = 0; head < numHeads; head++) {
    const at = (head * count + place) * width;
    row.set(data.subarray(at, at + width), head * width);
  }
  return row;
}

/**
 * Positions one after the other, head by head; `rest` at the end of those that have fewer numbers than the last.
 * @param {Float32Array[]} rows (H, W) each
 * @param {number} numHeads
 * @param {number} rest
 * @returns {import("./weights.js").Tensor} (H, T, W)
 */
function joined(rows, numHeads, rest) {
  const width = rows[rows.length - 1].length / numHeads;
  const data = new Float32Array(numHeads * rows.length * width).fill(rest);
  rows.forEach((row, t) => {
    const own = row.length / numHeads;
    for (let head = 0; head < numHeads; head++) {
      data.set(row.subarray(head * own, (head + 1) * own), (head * rows.length + t) * width);
    }
  });
  return { data, shape: [numHeads, rows.length, width] };
}
