/** Equal normal clusters on their way from noise, as of `olaria.objectives.mixture`. */

/**
 * @typedef {object} Mixture
 * @property {number[][]} modes centres of the clusters, (K, 2)
 * @property {number} std of each
 */

/**
 * The mean velocity of all lines from noise to the clusters that pass a place at a time: `Mixture.velocity`.
 * @param {Mixture} mixture
 * @param {number[]} place
 * @param {number} t
 * @returns {number[]}
 */
export function mixtureVelocity({ modes, std }, [x, y], t) {
  const variance = Math.max((1 - t) ** 2 + (t * std) ** 2, 1e-12);
  const logs = modes.map(([a, b]) => -((x - t * a) ** 2 + (y - t * b) ** 2) / (2 * variance));
  const most = Math.max(...logs), weights = logs.map((log) => Math.exp(log - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const slope = (t * std ** 2 - (1 - t)) / variance; // of one cluster's velocity by the place
  const v = [0, 0];
  modes.forEach(([a, b], k) => {
    v[0] += weights[k] / total * (a + slope * (x - t * a));
    v[1] += weights[k] / total * (b + slope * (y - t * b));
  });
  return v;
}
