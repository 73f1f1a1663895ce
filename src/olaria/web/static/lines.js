/** Numbers of curves: smoothed, and what several of them have in common. */

const BAND_POINTS = 200;

/**
 * An exponential average, less its pull towards zero at the beginning; gaps stay.
 * @param {(number | null)[]} values
 * @param {number} factor of what was before, from 0 to less than 1
 */
export function smoothed(values, factor) {
  let sum = 0, weight = 0;
  return values.map((value) => {
    if (value == null) return null;
    sum = factor * sum + (1 - factor) * value;
    weight = factor * weight + (1 - factor);
    return sum / weight;
  });
}

/**
 * Lowest, mean and highest of several curves at places where all of them are; null where one has a gap.
 * @param {[number[], (number | null)[]][]} curves
 */
export function spread(curves) {
  const from = Math.max(...curves.map(([x]) => x[0])), to = Math.min(...curves.map(([x]) => x[x.length - 1]));
  const count = from < to ? BAND_POINTS : Number(from === to);
  const places = Array.from({ length: count }, (_, i) => from + (to - from) * i / Math.max(1, count - 1));
  const rows = places.map((place) => curves.map(([x, y]) => between(x, y, place)));
  /** @param {(values: number[]) => number} of */
  const each = (of) => rows.map((row) => (row.includes(null) ? null : of(/** @type {number[]} */ (row))));
  return {
    places, low: each((row) => Math.min(...row)), high: each((row) => Math.max(...row)),
    mean: each((row) => row.reduce((sum, one) => sum + one, 0) / row.length),
  };
}

/**
 * The value of a curve at a place, on the straight line between its neighbours; null at a gap.
 * @param {number[]} x
 * @param {(number | null)[]} y
 * @param {number} place
 */
function between(x, y, place) {
  let after = x.findIndex((one) => one >= place);
  if (after < 0) after = x.length - 1;
  const before = Math.max(0, after - 1), a = y[before], b = y[after];
  if (x[after] === place) return b;
  if (a == null || b == null) return null;
  return a + (b - a) * (place - x[before]) / (x[after] - x[before]);
}
