// Runs models of images and points of pages/play for the tests: each line of the standard input holds jobs as JSON, and
// a line of the standard output their results.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const load = (name) => import(pathToFileURL(`${folder}/${name}.js`).href);
const [weights, tensor, models, fresh, plane, match, brush, strange, drawing, way] = await Promise.all(
  ["weights", "tensor", "models", "fresh", "points", "match", "brush", "strange", "live_draw", "live_between"].map(load),
);

const plain = (value) => {
  if (ArrayBuffer.isView(value)) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
};

// Lehmer's generator.
const uniforms = (state = 1) => () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;

// The same numbers that Python drew, one recorded array after the other.
const recorded = ({ real, noise, uniform, batchSize }) => {
  const next = (arrays) => () => Float32Array.from(arrays.shift());
  return { batchSize, real: next(real), noise: next(noise), uniform: next(uniform) };
};

const jobs = {
  prove: ({ document }) => {
    const opened = weights.open(document);
    return { ...models.prove(opened, models.create(opened)), intact: opened.intact };
  },
  call: ({ document, calls }) => {
    const model = models.create(weights.open(document));
    return calls.map(([name, ...inputs]) => model[name](...inputs));
  },
  through: ({ document, images, classes, scores }) => {
    const model = models.create(weights.open(document));
    const measures = scores.map((score) => drawing.SCORES[score.name](score));
    return images.map((values, i) => {
      const pixels = Float32Array.from(values), made = drawing.through(model, pixels, classes?.[i]);
      return { ...made, scores: measures.map((of) => of(pixels, made)) };
    });
  },
  mixes: ({ document, codes, y, places }) =>
    places.map(way.mixer(models.create(weights.open(document)), codes, y)),
  below: ({ quantiles, values }) => values.map((value) => strange.shareBelow(quantiles, value)),
  outline: ({ quantiles, bins }) => strange.outline(quantiles, bins),
  change: ({ name, values, shape, paper, normal }) =>
    brush.CHANGES[name](Float32Array.from(values), shape, paper, () => normal),
  strokes: ({ shape, base, strokes }) => strokes.reduce((image, { colour, points }) => {
    const stroke = brush.beginStroke(image, shape, colour);
    return points.reduce((_, point) => brush.paint(stroke, shape, point), image);
  }, Float32Array.from(base)),
  address: ({ values }) => {
    const pixels = brush.settled(Float32Array.from(values)), text = brush.writePixels(pixels);
    return { pixels, text, again: brush.readPixels(text, pixels.length) };
  },
  read: ({ texts, size }) => texts.map((text) => brush.readPixels(text, size)),
  map: ({ name, values }) => tensor.apply(Float32Array.from(values), tensor[name]),
  row: ({ name, values, options }) => tensor[name](Float32Array.from(values), ...options),
  train: ({ document, source, steps, fractions }) => {
    const game = models.create(weights.open(document));
    const moments = game.train(recorded(source));
    const losses = [];
    let last = null;
    while (game.step < steps) {
      game.fraction = fractions[game.step];
      last = moments.next().value;
      const { side, stage, loss, penalty, gradient } = last;
      if (stage === "updated") losses.push({ side, loss, penalty, gradient });
    }
    const { generator, discriminator } = game.players;
    return {
      weights: [generator, discriminator].map((network) => network.parameters()),
      averages: game.averages,
      losses,
      last,
      points: game.generate(source.shown),
      averaged: game.generateAveraged(source.shown),
      logits: game.judge(source.places),
      pulls: game.pulls(Float32Array.from(source.places)),
    };
  },
  points: ({ name, count }) => {
    const { modes, std } = plane.POINT_SETS[name];
    const points = plane.drawPoints(name, count, uniforms());
    return { points, modes, std, ...(modes && plane.clusters(points, modes, 0.4 * std)) };
  },
  play: ({ points, settings, steps }) => {
    const uniform = uniforms();
    const game = fresh.freshPlaneGan(points, uniform, { ...fresh.SETTINGS, ...settings });
    const source = fresh.pointSource(points, 64, uniform);
    for (const moment of game.train(source)) {
      if (!Number.isFinite(moment.loss ?? 0)) break;
      if (game.step === steps) break;
    }
    return { step: game.step, points: game.generateAveraged(source.noise(2 * 500)) };
  },
  match: ({ rule, turns, seed }) => {
    const game = new match.Match(match.tableOf("ring", {}, seed), rule, seed);
    for (const [kind, count] of match.readTurns(turns)) {
      for (let i = 0; i < count; i++) {
        game.begin(kind);
        game.finish();
      }
    }
    const { generated, logits, steepness, clusters } = game.seen();
    return { played: game.played, step: game.gan.step, generated, logits, steepness, clusters };
  },
};

const answer = (job) => {
  try {
    return plain(jobs[job.job](job));
  } catch (error) {
    return { error: error.reason ?? String(error.stack) };
  }
};

const written = (_, value) => (value === Infinity ? "Infinity" : value);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(answer), written)}\n`);
}
