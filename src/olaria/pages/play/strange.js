/** How strange an image is to a model, as of `olaria.evaluation.anomaly`, and how many others are less strange. */

/**
 * The mean squared error of a pixel, as `squared_error` of `olaria.objectives.reconstruction`.
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 */
export function squaredError(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum / a.length;
}

/**
 * How far a code is from the nearest of others, each dimension divided by its spread.
 * @param {ArrayLike<number>} code (latent,)
 * @param {Float32Array} known the others, divided already, (M · latent,)
 * @param {number[]} spread (latent,)
 */
export function nearestDistance(code, known, spread) {
  const scaled = Array.from(code, (value, i) => value / spread[i]);
  let least = Infinity;
  for (let at = 0; at < known.length; at += scaled.length) {
    let sum = 0;
    for (let i = 0; i < scaled.length; i++) sum += (scaled[i] - known[at + i]) ** 2;
    least = Math.min(least, sum);
  }
  return Math.sqrt(least);
}

/**
 * The share of numbers that are below a value, from their evenly spaced quantiles, straight from one to the next.
 * @param {number[]} quantiles ascending, the least and the largest number among them
 * @param {number} value
 */
export function shareBelow(quantiles, value) {
  const last = quantiles.length - 1;
  if (value <= quantiles[0]) return 0;
  if (!(value < quantiles[last])) return 1;
  const next = quantiles.findIndex((one) => one > value), low = quantiles[next - 1];
  return (next - 1 + (value - low) / (quantiles[next] - low)) / last;
}

/**
 * The outline of a histogram of numbers that are known by their quantiles, from 0 on.
 * @param {number[]} quantiles see `shareBelow`; none below 0
 * @param {number} bins
 * @returns {{x: number[], y: number[]}} shares of the numbers, two corners for each bin
 */
export function outline(quantiles, bins) {
  const width = (quantiles.at(-1) || 1) / bins;
  const below = (edge) => edge === bins ? 1 : shareBelow(quantiles, edge * width);
  const shares = Array.from({ length: bins }, (_, i) => below(i + 1) - below(i));
  return {
    x: shares.flatMap((_, i) => [i * width, (i + 1) * width]),
    y: shares.flatMap((share) => [share, share]),
  };
}
