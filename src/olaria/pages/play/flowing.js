/** Points on their way along a model's velocity, computed a little at a time, and where they are in between. */

import { normals } from "./fresh.js";
import { uniforms } from "./sampling.js";

/** @typedef {import("./point_flow.js").PointFlow} PointFlow */

/**
 * Where some points are after each step.
 * @typedef {object} Paths
 * @property {number[]} times ascending
 * @property {Float32Array[]} places at each of them, side by side
 */

export const FINE_STEPS = 100; // of Heun's rule, along a path that counts as exact
const CHUNK = 40; // points that are followed together
export const COMPARED = CHUNK; // points whose ends are compared with exact ones
const CELLS = 13; // of the grid, across
const FIELDS = 21; // times at which the velocity on the grid is known
const SLICE_MS = 9; // of work in a frame

/**
 * Places at a time, on the straight way from one step to the next.
 * @param {Paths} paths
 * @param {number} t
 * @returns {Float32Array}
 */
export function placesAt({ times, places }, t) {
  const k = lastBefore(times, t), length = times[k + 1] - times[k];
  const share = length ? Math.min(1, Math.max(0, (t - times[k]) / length)) : 0;
  return places[k].map((value, i) => value + share * (places[k + 1][i] - value));
}

/**
 * The path of one of the points up to a time, and from there on.
 * @param {Paths} paths
 * @param {number} t
 * @param {number} [point] its number
 * @returns {{done: number[][], rest: number[][]}} the place at the time stands in both
 */
export function splitAt({ times, places }, t, point = 0) {
  const of = (/** @type {Float32Array} */ all) => [all[2 * point], all[2 * point + 1]];
  const k = lastBefore(times, t), both = [places[k], places[k + 1]].map((all) => all.subarray(2 * point, 2 * point + 2));
  const now = Array.from(placesAt({ times: [times[k], times[k + 1]], places: both }, t));
  return { done: [...places.slice(0, k + 1).map(of), now], rest: [now, ...places.slice(k + 1).map(of)] };
}

/** The step that a time lies in. @param {number[]} times @param {number} t */
const lastBefore = (times, t) => Math.max(0, Math.min(times.length - 2, times.findLastIndex((time) => time <= t)));

/**
 * Root mean square of the distances of places from others.
 * @param {Float32Array} a side by side
 * @param {Float32Array} b the same number
 */
export const distance = (a, b) => Math.sqrt(2 * a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);

/**
 * What all parts of a page know of a model: the velocity on the grid, and the exact ends of each seed's first points.
 * @type {WeakMap<PointFlow, Map<string, Float32Array[]>>}
 */
const KNOWN = new WeakMap();

/** Some arrays that are known of a model, which grow. @param {PointFlow} model @param {(string | number)[]} words what of it @returns {Float32Array[]} */
function known(model, ...words) {
  const all = KNOWN.get(model) ?? new Map(), name = words.join(" "), found = all.get(name) ?? [];
  KNOWN.set(model, all.set(name, found));
  return found;
}

/**
 * Work that goes on a little in each frame, until it is done or other work begins.
 * @param {() => void} seen is called where something new can be seen
 */
export function makeWorker(seen) {
  let frame = 0;
  const stop = () => { cancelAnimationFrame(frame); frame = 0; };
  return {
    stop,
    /** @param {Iterator<boolean, void, void>} job yields whether something new can be seen */
    start(job) {
      stop();
      const next = () => {
        const end = performance.now() + SLICE_MS;
        let isNew = false, isDone = false;
        while (!isDone && performance.now() < end) {
          const { done, value } = job.next();
          isDone = Boolean(done);
          isNew ||= Boolean(value);
        }
        if (isNew) seen();
        frame = isDone ? 0 : requestAnimationFrame(next);
      };
      frame = requestAnimationFrame(next);
    },
  };
}

/**
 * The path of some points, step by step.
 * @param {PointFlow} model
 * @param {Float32Array} start side by side
 * @param {number} steps
 * @param {string} solver
 * @returns {Generator<boolean, Paths, void>}
 */
export function* followed(model, start, steps, solver) {
  const times = model.times(steps), places = [start];
  for (let k = 0; k < steps; k++) {
    places.push(model.step(places[k], times[k], times[k + 1], solver));
    yield false;
  }
  return { times, places };
}

/** Points, the velocity on a grid and the exact ends, each as far as it is known. */
export class Flowing {
  /**
   * @param {PointFlow} model
   * @param {number[]} window_ left, right, bottom, top
   * @param {number} count of the points
   */
  constructor(model, [left, right, bottom, top], count) {
    this.model = model;
    this.count = count;
    /** @type {Paths[]} of the points, chunk by chunk; those of the last choice until the new ones are known */
    this.chunks = [];
    /** @type {Float32Array[]} where the first of them end on a fine path, chunk by chunk */
    this.ends = [];
    /** The velocity on the grid, time by time; undefined where it is not known yet. */
    this.fields = known(model, "field", left, right, bottom, top);
    this.noise = new Float32Array(0);
    this.isComplete = false;
    this.gap = (right - left) / CELLS;
    this.grid = Float32Array.from({ length: 2 * CELLS ** 2 }, (_, i) => {
      const cell = i >> 1, place = 0.5 + (i % 2 ? Math.floor(cell / CELLS) : cell % CELLS);
      return i % 2 ? bottom + place / CELLS * (top - bottom) : left + place / CELLS * (right - left);
    });
  }

  /** Other noise. @param {number} seed */
  draw(seed) {
    this.noise = Float32Array.from({ length: 2 * this.count }, normals(uniforms(seed)));
    this.ends = known(this.model, "ends", this.count, seed);
  }

  /**
   * Everything that these settings need, step by step; yields whether something new can be seen.
   * @param {number} steps
   * @param {string} solver
   * @param {number} t the velocity near this time comes first
   * @returns {Generator<boolean, void, void>}
   */
  *work(steps, solver, t) {
    this.isComplete = false;
    const { ends } = this; // of this seed
    const starts = Array.from({ length: Math.ceil(this.count / CHUNK) }, (_, i) => this.noise.slice(2 * CHUNK * i, 2 * CHUNK * (i + 1)));
    for (const [i, start] of starts.entries()) {
      this.chunks[i] = yield* followed(this.model, start, steps, solver);
      yield true;
    }
    this.isComplete = true;
    yield true;
    const order = [...Array(FIELDS).keys()].sort((a, b) => Math.abs(a / (FIELDS - 1) - t) - Math.abs(b / (FIELDS - 1) - t));
    for (const k of order) {
      if (this.fields[k]) continue;
      this.fields[k] = this.model.velocity(this.grid, new Float32Array(CELLS ** 2).fill(k / (FIELDS - 1)));
      yield true;
    }
    for (const [i, start] of starts.slice(0, COMPARED / CHUNK).entries()) {
      ends[i] ??= (yield* followed(this.model, start, FINE_STEPS, "heun")).places[FINE_STEPS];
    }
    yield true;
  }

  /** The velocity on the grid at a time; null where it is not known yet. @param {number} t */
  field(t) {
    const at = t * (FIELDS - 1), k = Math.min(FIELDS - 2, Math.floor(at)), [one, two] = [this.fields[k], this.fields[k + 1]];
    return one && two ? { places: this.grid, gap: this.gap, v: one.map((value, i) => value + (at - k) * (two[i] - value)) } : null;
  }

  /** How far the first points end from the exact ends, root mean square; NaN where it is not known yet. */
  get apart() {
    if (!this.isComplete || this.ends.length < COMPARED / CHUNK) return NaN;
    const ends = this.ends.map((_, i) => /** @type {Float32Array} */ (this.chunks[i].places.at(-1)));
    return distance(joinedAll(ends), joinedAll(this.ends));
  }

  /** Where all points are at a time, as far as they are known, side by side. @param {number} t */
  at(t) {
    return joinedAll(this.chunks.map((paths) => placesAt(paths, t)));
  }
}

/** @param {Float32Array[]} arrays @returns {Float32Array} all, one after the other */
export function joinedAll(arrays) {
  const all = new Float32Array(arrays.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of arrays) {
    all.set(one, at);
    at += one.length;
  }
  return all;
}
