/**
 * Dense networks with gradients: of a loss by the weights, by the input, and of a penalty on the slope.
 */

import { addScaled, dot, linear, matvec, transposed } from "./tensor.js";

/** @typedef {import("./weights.js").Tensor} Tensor */

/**
 * What a pass through a network leaves for its gradients.
 * @typedef {object} Tape
 * @property {Float32Array[]} values the input, then the output of every layer, (count, size) each
 * @property {Tensor[]} weights of every layer, as they were in this pass
 * @property {(Spectrum | null)[]} spectra of every layer
 */

/**
 * @typedef {object} Spectrum
 * @property {number} sigma the estimate of the largest singular value
 * @property {Float32Array} u the left vector of the estimate
 * @property {Float32Array} v the right vector
 */

/** A weight divided by an estimate of its largest singular value, uᵀ W v (Miyato et al. 2018, algorithm 1). */
export class SpectralNorm {
  /**
   * @param {Tensor} original W, which is learnt
   * @param {Float32Array} u
   * @param {Float32Array} v
   */
  constructor(original, u, v) {
    this.original = original;
    this.u = u;
    this.v = v;
  }

  /** One turn of the power iteration. */
  iterate() {
    this.u = unit(matvec(this.original, this.v));
    this.v = unit(matvec(transposed(this.original), this.u));
  }

  /** @returns {{weight: Tensor, spectrum: Spectrum}} */
  constrained() {
    const { original, u, v } = this;
    const along = matvec(original, v);
    const sigma = dot(u, 0, along, 0, u.length);
    const weight = { data: original.data.map((value) => value / sigma), shape: original.shape };
    return { weight, spectrum: { sigma, u, v } };
  }
}

/**
 * From the gradient by W / σ to the gradient by W, in place: (G - ⟨G, W / σ⟩ u vᵀ) / σ.
 * @param {Float32Array} gradient
 * @param {Tensor} weight W / σ
 * @param {Spectrum} spectrum
 */
function throughNorm(gradient, weight, { sigma, u, v }) {
  const share = dot(gradient, 0, weight.data, 0, gradient.length);
  for (let i = 0; i < u.length; i++) addScaled(gradient, i * v.length, v, 0, -share * u[i], v.length);
  for (let i = 0; i < gradient.length; i++) gradient[i] /= sigma;
}

/**
 * @param {Float32Array} vector
 * @returns {Float32Array} the vector with length 1
 */
function unit(vector) {
  const length = Math.max(Math.sqrt(dot(vector, 0, vector, 0, vector.length)), 1e-12);
  return vector.map((value) => value / length);
}

/** Linear layers with LeakyReLU between, none after the last. */
export class DenseNetwork {
  /**
   * @param {{weight: Tensor, bias: Tensor, norm?: SpectralNorm | null}[]} layers trained in place; of a layer with a
   *   norm what is learnt is the norm's `original`, and `weight` is not read
   * @param {number} slope for negative numbers; 0 is ReLU
   */
  constructor(layers, slope) {
    this.layers = layers;
    this.slope = slope;
  }

  /**
   * A network of the same shape with other numbers.
   * @param {Float32Array[]} parameters see `parameters`
   * @returns {DenseNetwork}
   */
  with(parameters) {
    const layers = this.layers.map(({ weight, bias, norm }, index) => {
      const other = { data: parameters[2 * index], shape: weight.shape };
      return {
        weight: other,
        bias: { data: parameters[2 * index + 1], shape: bias.shape },
        norm: norm && new SpectralNorm(other, norm.u, norm.v),
      };
    });
    return new DenseNetwork(layers, this.slope);
  }

  /** @returns {Float32Array[]} what is learnt: of each layer the weight, then the bias */
  parameters() {
    return this.layers.flatMap(({ weight, bias, norm }) => [
      norm ? norm.original.data : weight.data,
      bias.data,
    ]);
  }

  /** @returns {Float32Array[]} zeros in the shapes of the parameters */
  zeros() {
    return this.parameters().map((p) => new Float32Array(p.length));
  }

  /**
   * @param {Float32Array} x (count, in)
   * @param {boolean} isTraining whether norms take a turn of their power iteration first
   * @returns {Tape} whose last value is the output
   */
  forward(x, isTraining = false) {
    /** @type {Tape} */
    const tape = { values: [x], weights: [], spectra: [] };
    this.layers.forEach(({ weight, bias, norm }, index) => {
      if (norm && isTraining) norm.iterate();
      const used = norm ? norm.constrained() : { weight, spectrum: null };
      const y = linear(used.weight, tape.values[index], bias);
      if (index + 1 < this.layers.length) bend(y, y, this.slope);
      tape.values.push(y);
      tape.weights.push(used.weight);
      tape.spectra.push(used.spectrum);
    });
    return tape;
  }

  /**
   * @param {Float32Array} x (count, in)
   * @returns {Float32Array} (count, out)
   */
  output(x) {
    return /** @type {Float32Array} */ (this.forward(x).values.at(-1));
  }

  /**
   * Gradients of a loss by what each layer gives before its activation.
   * @param {Tape} tape
   * @param {Float32Array} gradient of the loss by the output
   * @returns {Float32Array[]} of every layer
   */
  deltas({ values, weights }, gradient) {
    const deltas = [gradient];
    for (let index = weights.length - 1; index > 0; index--) {
      const back = linear(transposed(weights[index]), deltas[0]);
      deltas.unshift(bend(back, values[index], this.slope));
    }
    return deltas;
  }

  /**
   * The gradient by the input.
   * @param {Tape} tape
   * @param {Float32Array[]} deltas
   * @returns {Float32Array} (count, in)
   */
  inputGradient({ weights }, deltas) {
    return linear(transposed(weights[0]), deltas[0]);
  }

  /**
   * Adds the gradients by the parameters.
   * @param {Tape} tape
   * @param {Float32Array[]} deltas
   * @param {Float32Array[]} gradients see `zeros`
   */
  collect(tape, deltas, gradients) {
    deltas.forEach((delta, index) => {
      this.#collectWeight(tape, index, delta, tape.values[index], gradients[2 * index]);
      const bias = gradients[2 * index + 1];
      const size = bias.length;
      for (let at = 0; at < delta.length; at += size) addScaled(bias, 0, delta, at, 1, size);
    });
  }

  /**
   * Adds the gradients of a function of the slope, where `deltas` are of the output itself, so that the slope is
   * g = W₁ᵀ δ₁. Activations are straight on each side of 0: their own slopes have no gradient.
   * @param {Tape} tape
   * @param {Float32Array[]} deltas
   * @param {Float32Array} along gradient of the function by g, (count, in)
   * @param {Float32Array[]} gradients see `zeros`
   */
  collectSlope(tape, deltas, along, gradients) {
    deltas.forEach((delta, index) => {
      this.#collectWeight(tape, index, delta, along, gradients[2 * index]);
      if (index + 1 < deltas.length) {
        along = bend(linear(tape.weights[index], along), tape.values[index + 1], this.slope);
      }
    });
  }

  /**
   * Adds Σ δ xᵀ over the examples, led through the norm where there is one.
   * @param {Tape} tape
   * @param {number} index of the layer
   * @param {Float32Array} delta (count, out)
   * @param {Float32Array} x (count, in)
   * @param {Float32Array} gradient (out, in)
   */
  #collectWeight(tape, index, delta, x, gradient) {
    const [rows, columns] = tape.weights[index].shape;
    const count = x.length / columns;
    const inputs = transposed({ data: x, shape: [count, columns] });
    const product = linear(inputs, transposed({ data: delta, shape: [count, rows] }).data);
    const spectrum = tape.spectra[index];
    if (spectrum) throughNorm(product, tape.weights[index], spectrum);
    addScaled(gradient, 0, product, 0, 1, product.length);
  }
}

/**
 * Multiplies by LeakyReLU's slope where its input, and so its output, is not positive, in place.
 * @param {Float32Array} x
 * @param {Float32Array} values the activation's input or output
 * @param {number} slope
 * @returns {Float32Array} `x`
 */
function bend(x, values, slope) {
  for (let i = 0; i < x.length; i++) if (!(values[i] > 0)) x[i] *= slope;
  return x;
}
