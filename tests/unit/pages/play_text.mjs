// Runs text models, tokenizers and sampling rules of pages/play for the tests: each line of the standard input holds
// jobs as JSON, and a line of the standard output their results. Arrays travel as base64 of float32.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const load = (name) => import(pathToFileURL(`${folder}/${name}.js`).href);
const modules = ["weights", "tokens", "byte_pairs", "sampling"];
const [weights, tokens, bytePairs, sampling] = await Promise.all(modules.map(load));
const { create, prove } = await load("models");
const averaging = await load("averaging");
const { nearest } = await load("vectors");
const { makeReader } = await load("reading");
const { makeTracer } = await load("tracing");
const { lens } = await load("live_lens");
const { beginning, meanNats } = await load("live_tuning");

const floats = (text) => weights.toFloats(weights.decodeBase64(text));
const packed = (data) => ({
  float32: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
});
// Getters are read here, and what is a function is left out.
const plain = (value) => {
  if (value instanceof Float32Array) return packed(value);
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([, part]) => typeof part !== "function");
  return Object.fromEntries(entries.map(([name, part]) => [name, plain(part)]));
};

const jobs = {
  prove: ({ model, opened }) => ({ ...prove(opened, model), intact: opened.intact }),
  call: ({ model }, name, ...inputs) => model[name](...inputs),
  generate: ({ model }, start, options) => {
    const drawn = [...model.generate(start, options)];
    return {
      ids: drawn.map(({ id }) => id),
      slid: drawn.flatMap(({ slid }, at) => (slid ? [at] : [])),
    };
  },
  drawn: ({ model }, start, options) => [...model.generate(start, options)],
  speed: ({ model }, start, count) => {
    for (const _ of model.generate(start, { maxTokens: 60 }));
    let begun = performance.now();
    for (const _ of model.generate(start, { maxTokens: count }));
    const perSecond = (1000 * count) / (performance.now() - begun);
    const ids = Array.from({ length: 64 }, (_, at) => start[at % start.length]);
    for (let warm = 0; warm < 3; warm++) model.trace(ids);
    const times = Array.from({ length: 9 }, () => {
      begun = performance.now();
      model.trace(ids).layers.forEach((layer) => layer.logits);
      return performance.now() - begun;
    });
    return { perSecond, trace: times.sort((a, b) => a - b)[4] };
  },
  averages: ({ model }, ids, factor) => {
    const { input, scores } = model.trace(ids).layers[0];
    const head = model.matrices(0, 0);
    return {
      input,
      scores,
      loops: averaging.averageByLoops(input),
      product: averaging.averageByProduct(input),
      softmax: averaging.averageBySoftmax(input),
      head,
      attention: head && averaging.averageByAttention(input, head, factor),
    };
  },
  traced: async ({ model }, texts) => {
    const tracer = makeTracer(model);
    for (const text of texts) await tracer.readText(text);
    return Array.from({ length: model.numLayers }, (_, layer) => tracer.layer(layer));
  },
  read: async ({ model }, texts, id) => {
    const reader = makeReader(model);
    for (const text of texts) await reader.readText(text);
    const read = reader.logits.slice();
    reader.step(id);
    return [read, reader.logits];
  },
  lens: ({ model }, ids, place) => lens(model, model.trace(ids), place),
  nats: ({ model }, ids) => meanNats(model.trace(ids).logits.data, ids),
  before: ({ opened }, tuned, ids) =>
    create(beginning(opened, weights.open(tuned))).trace(ids).logits.data,
  nearest: ({ model }, id, options) => nearest(model.embedding, id, options),
  encode: ({ tokenizer }, texts) => texts.map((text) => tokenizer.encode(text)),
  decode: ({ tokenizer }, rows) => rows.map((ids) => tokenizer.decode(ids)),
  pieces: ({ tokenizer }, ids) =>
    ids.map((id) => ({ text: tokenizer.piece(id), bytes: tokenizer.bytes(id) })),
  split: (_, texts) => texts.map((text) => bytePairs.splitPieces(text)),
  probabilities: (_, rows) =>
    rows.map(({ logits, text, options }) =>
      sampling.nextProbabilities(floats(logits), text, options),
    ),
  choose: (_, probabilities, draws) =>
    draws.map((uniform) => sampling.choose(floats(probabilities), uniform)),
  uniforms: (_, seed, count) => Array.from({ length: count }, sampling.uniforms(seed)),
};

const answer = async ({ scenes, wanted }) => {
  const results = [];
  for (const { document, tokenizer } of scenes) {
    const opened = document ? weights.open(document) : null;
    const known = tokenizer ?? document?.tokenizer;
    const scene = {
      opened,
      model: opened && create(opened),
      tokenizer: known && tokens.tokenizer(known),
    };
    const made = [];
    for (const [name, ...inputs] of wanted) made.push(plain(await jobs[name](scene, ...inputs)));
    results.push(made);
  }
  return results;
};

for await (const line of createInterface({ input: process.stdin })) {
  const told = await answer(JSON.parse(line)).catch((error) => ({ failed: String(error.stack) }));
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
