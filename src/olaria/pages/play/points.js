/**
 * Sets of points in the plane, as of `olaria.data.plane`, and which of their clusters a generator has found.
 */

import { normals } from "./fresh.js";

/**
 * @typedef {object} PointSet
 * @property {number[][] | null} modes centres of its clusters; null where it has none
 * @property {number} std standard deviation of a cluster, or of the noise around a curve
 * @property {(uniform: () => number) => number[]} place a point without its noise
 */

const RING_MODES = 8;
const RING_RADIUS = 2;
const GRID_SIDE = 5;
const SPIRAL_TURNS = 2;

const ringModes = Array.from({ length: RING_MODES }, (_, k) => {
  const angle = (2 * Math.PI * k) / RING_MODES;
  return [RING_RADIUS * Math.cos(angle), RING_RADIUS * Math.sin(angle)];
});

const gridModes = Array.from({ length: GRID_SIDE ** 2 }, (_, k) => [
  Math.floor(k / GRID_SIDE) - (GRID_SIDE - 1) / 2,
  (k % GRID_SIDE) - (GRID_SIDE - 1) / 2,
]);

/** @type {(modes: number[][]) => (uniform: () => number) => number[]} */
const oneOf = (modes) => (uniform) => modes[Math.floor(uniform() * modes.length)];

/**
 * @type {Record<string, PointSet>}
 */
export const POINT_SETS = {
  ring: { modes: ringModes, std: 0.1, place: oneOf(ringModes) },
  grid: { modes: gridModes, std: 0.05, place: oneOf(gridModes) },
  spiral: {
    modes: null,
    std: 0.05,
    place(uniform) {
      const way = Math.sqrt(uniform());
      const angle = 2 * Math.PI * SPIRAL_TURNS * way;
      return [2 * way * Math.cos(angle), 2 * way * Math.sin(angle)];
    },
  },
};

/**
 * @param {string} name of a set of `POINT_SETS`
 * @param {number} count
 * @param {() => number} uniform numbers in [0, 1)
 * @returns {Float32Array} (count, 2)
 */
export function drawPoints(name, count, uniform) {
  const { std, place } = POINT_SETS[name];
  const normal = normals(uniform);
  const points = new Float32Array(2 * count);
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = place(uniform);
    points[i] = x + std * normal();
    points[i + 1] = y + std * normal();
  }
  return points;
}

/** Standard deviations within which a point is of a cluster. */
const NEAR = 3;

/**
 * @typedef {object} Clusters
 * @property {number} covered clusters with a point near them
 * @property {number} near share of the points that are near a cluster
 * @property {Float32Array} shares of those, by cluster
 */

/**
 * Points within 3σ of the nearest centre, as of `olaria.evaluation.plane` (Srivastava et al. 2017, section 4.1).
 * @param {Float32Array} points (count, 2)
 * @param {number[][]} modes
 * @param {number} std σ
 * @returns {Clusters}
 */
export function clusters(points, modes, std) {
  const shares = new Float32Array(modes.length);
  let near = 0;
  for (let i = 0; i < points.length; i += 2) {
    const distances = modes.map(([x, y]) => Math.hypot(points[i] - x, points[i + 1] - y));
    const least = Math.min(...distances);
    if (least < NEAR * std) {
      near += 1;
      shares[distances.indexOf(least)] += 1;
    }
  }
  const covered = shares.reduce((count, share) => count + (share > 0 ? 1 : 0), 0);
  return {
    covered,
    near: near / (points.length / 2),
    shares: shares.map((share) => share / Math.max(1, near)),
  };
}
