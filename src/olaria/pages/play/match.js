/** A game of points that the reader plays: its rules, its turns so far, and the same game again from these. */

import { freshPlaneGan, normals, pointSource } from "./fresh.js";
import { createPlaneGan } from "./plane_gan.js";
import { POINT_SETS, clusters, drawPoints } from "./points.js";
import { uniforms } from "./sampling.js";
import { sigmoid } from "./tensor.js";

/** @typedef {import("./plane_gan.js").Moment} Moment */
/** @typedef {import("./plane_gan.js").PlaneGan} PlaneGan */

const BATCH = 64;
const NUM_POINTS = 2000; // of a set that is drawn in the page
const NUM_SHOWN = 400;
const NUM_ARROWS = 70;
const MOST_UPDATES = 100; // of the discriminator in a turn: a pause plays the turn to its end, at once
const MARGIN = 0.62; // half a window, in widths of the data

/**
 * How a game is broken: settings that replace its own. `silent` has no noise.
 * @type {Record<string, Record<string, any>>}
 */
export const RULES = {
  fair: {},
  strong: { loss: "minimax", penalty: "none", discriminator_updates: 2, discriminator_rate: 50 },
  idle: { discriminator_updates: 0 },
  silent: {},
};

/**
 * The points of a game.
 * @typedef {object} Table
 * @property {Float32Array} points (count, 2)
 * @property {number[][] | null} modes centres of their clusters
 * @property {number} std of a cluster
 */

/**
 * @param {string} name of `POINT_SETS`; of the run's own points otherwise
 * @param {{points: number[][], modes: number[][] | null, std: number | null}} own
 * @param {number} seed
 * @returns {Table}
 */
export function tableOf(name, own, seed) {
  const set = Object.hasOwn(POINT_SETS, name) ? POINT_SETS[name] : null;
  return set
    ? { points: drawPoints(name, NUM_POINTS, uniforms(seed)), modes: set.modes, std: set.std }
    : { points: Float32Array.from(own.points.flat()), modes: own.modes, std: own.std ?? 0 };
}

/**
 * The square window that a game is seen through: left, right, bottom, top.
 * @param {ArrayLike<number>} points (count, 2)
 */
export function windowOf(points) {
  const ends = [0, 1].map((axis) => {
    let low = Infinity, high = -Infinity;
    for (let i = axis; i < points.length; i += 2) {
      low = Math.min(low, points[i]);
      high = Math.max(high, points[i]);
    }
    return [low, high];
  });
  const half = MARGIN * Math.max(...ends.map(([low, high]) => high - low), 1e-6);
  return ends.flatMap(([low, high]) => [(low + high) / 2 - half, (low + high) / 2 + half]);
}

/**
 * Turns as a text: `120t1d` is a hundred and twenty whole turns and one of the discriminator alone.
 * @param {string} text
 * @returns {[string, number][]}
 */
export const readTurns = (text) => [...text.matchAll(/(\d+)([tdg])/g)].map(([, count, kind]) => [kind, Number(count)]);

/** @param {string} text */
export const areTurns = (text) => /^(\d{1,5}[tdg]){0,60}$/.test(text);

/** A game, its turns so far, and the noise whose points are shown. */
export class Match {
  /**
   * @param {Table} table
   * @param {string} rule of `RULES`
   * @param {number} seed of the first weights, the noise and the batches
   * @param {import("./weights.js").Opened | null} trained the document of a model to go on with
   */
  constructor(table, rule, seed, trained = null) {
    const uniform = uniforms(seed + 1);
    this.table = table;
    this.gan = trained ? createPlaneGan(trained) : freshPlaneGan(table.points, uniform);
    Object.assign(this.gan.settings, RULES[rule]);
    const { settings } = this.gan;
    settings.discriminator_updates = Math.min(MOST_UPDATES, settings.discriminator_updates);
    this.source = pointSource(table.points, BATCH, uniform);
    const normal = normals(uniforms(0));
    this.z = Float32Array.from({ length: NUM_SHOWN * this.gan.latent }, normal);
    if (rule === "silent") {
      this.source.noise = (length) => new Float32Array(length);
      this.z.fill(0);
    }
    /** @type {[string, number][]} turns so far */
    this.turns = [];
    /** @type {{kind: string, moments: Generator<Moment, void, void>} | null} */
    this.running = null;
  }

  /** The turns so far, as a text. */
  get played() {
    return this.turns.map(([kind, count]) => `${count}${kind}`).join("");
  }

  /** @param {string} kind `t` both, `d` the discriminator alone, `g` the generator alone */
  begin(kind) {
    this.finish();
    this.running = { kind, moments: this.#moments(kind) };
  }

  /** @param {string} kind @returns {Generator<Moment, void, void>} */
  *#moments(kind) {
    const updates = { t: this.gan.settings.discriminator_updates, d: 1, g: 0 }[kind];
    for (let i = 0; i < updates; i++) yield* this.gan.discriminatorTurn(this.source);
    if (kind !== "d") yield* this.gan.generatorTurn(this.source);
  }

  /**
   * The next moment of the turn; null where it is over.
   * @returns {Moment | null}
   */
  next() {
    if (!this.running) return null;
    const { kind, moments } = this.running, { done, value } = moments.next();
    if (!done) return /** @type {Moment} */ (value);
    this.running = null;
    const last = this.turns.at(-1);
    if (last?.[0] === kind) last[1] += 1;
    else this.turns.push([kind, 1]);
    return null;
  }

  finish() {
    while (this.running) this.next();
  }

  /** What is seen of the game now; `pull` is of the first points. */
  seen() {
    const generated = this.gan.generate(this.z), logits = this.gan.judge(generated);
    const { pull } = this.gan.pulls(generated.subarray(0, 2 * NUM_ARROWS));
    const onReal = this.gan.judge(this.table.points.subarray(0, 2 * NUM_SHOWN));
    const { modes, std } = this.table;
    return {
      generated,
      logits,
      onReal,
      pull,
      steepness: meanLength(pull) * this.gan.players.spread,
      clusters: modes && { ...clusters(generated, modes, std), all: modes.length },
    };
  }

  /**
   * The discriminator's outputs over a window, in [0, 1] so that one half cannot tell; rows from the top.
   * @param {number[]} window left, right, bottom, top
   * @param {number} side cells
   * @param {number} [middle] of a critic's outputs, whose zero means nothing
   */
  surface([left, right, bottom, top], side, middle = 0) {
    const places = new Float32Array(2 * side * side);
    for (let row = 0, at = 0; row < side; row++) {
      for (let column = 0; column < side; column++, at += 2) {
        places[at] = left + (column + 0.5) / side * (right - left);
        places[at + 1] = top - (row + 0.5) / side * (top - bottom);
      }
    }
    return this.gan.judge(places).map((logit) => brought(logit, this.gan.settings.loss, middle));
  }
}

/**
 * An output in [0, 1], as of the lesson's surface.
 * @param {number} logit
 * @param {string} loss of the game
 * @param {number} middle
 */
export function brought(logit, loss, middle) {
  if (loss === "wasserstein") return sigmoid(logit - middle);
  if (loss === "least-squares") return Math.min(1, Math.max(0, logit));
  return loss === "hinge" ? Math.min(1, Math.max(0, (logit + 1) / 2)) : sigmoid(logit);
}

/** @param {ArrayLike<number>} vectors (count, 2) */
function meanLength(vectors) {
  let sum = 0;
  for (let i = 0; i < vectors.length; i += 2) sum += Math.hypot(vectors[i], vectors[i + 1]);
  return sum / (vectors.length / 2);
}
