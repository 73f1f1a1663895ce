/**
 * Weights as they come in a page: base64 of little-endian numbers, opened as arrays.
 */

/**
 * @typedef {object} Tensor
 * @property {Float32Array} data its numbers, the last dimension side by side
 * @property {number[]} shape its dimensions
 */

/**
 * @typedef {object} Proof
 * @property {string} call name of a method of the model
 * @property {string} [part] name of a field of what that returns, where it returns several arrays
 * @property {Record<string, any>} inputs its arguments by name, in order
 * @property {{shape: number[], values: string}} output what Python computed: base64 of little-endian float32
 */

/**
 * @typedef {object} PlayDocument
 * @property {number} format
 * @property {string} family
 * @property {Record<string, any>} config the settings of the model
 * @property {Record<string, any>} training the settings of its training
 * @property {boolean} [encodes] false where the encoder of a model of images is left out
 * @property {number[] | number} dimensions [C, H, W], the vocabulary's size, or the number of coordinates
 * @property {"float32" | "float16" | "int8"} precision of the stored weights
 * @property {Record<string, {shape: number[], at: number, scaled?: boolean}>} tensors shape and first number of each
 *   tensor; in int8 its first byte
 * @property {string} weights base64 of their numbers, little-endian
 * @property {number} crc32 checksum of the bytes of the weights
 * @property {Record<string, any> | null} tokenizer
 * @property {Proof[]} proof
 */

/**
 * @typedef {object} Opened
 * @property {string} family
 * @property {Record<string, any>} config
 * @property {Record<string, any>} training
 * @property {boolean} encodes whether what encodes is among the weights
 * @property {number[] | number} dimensions
 * @property {"float32" | "float16" | "int8"} precision
 * @property {(name: string) => Tensor} tensor the weights of a name; throws a `PlayError` where there is none
 * @property {(name: string) => boolean} has whether there are weights of a name
 * @property {Record<string, any> | null} tokenizer
 * @property {Proof[]} proof
 * @property {boolean} intact whether the weights have the checksum that Python wrote
 */

export const FORMAT = 1;

/** What is wrong with a document. `reason` is a word that a page can put into its own language. */
export class PlayError extends Error {
  /**
   * @param {"format" | "weights" | "tensor" | "family"} reason
   * @param {string} message
   */
  constructor(reason, message) {
    super(message);
    this.name = "PlayError";
    this.reason = reason;
  }
}

/**
 * @param {string} text base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function decodeBase64(text) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw new PlayError("weights", "these weights are no base64");
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/**
 * A half-precision number: 1 bit of sign, 5 of exponent, 10 of fraction.
 * @param {number} bits
 * @returns {number}
 */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Every half-precision number, where some have been read. @type {Float32Array | null} */
let halves = null;

/**
 * @param {Uint8Array<ArrayBuffer>} bytes little-endian numbers, a whole buffer
 * @param {"float32" | "float16"} precision
 * @returns {Float32Array}
 */
export function toFloats(bytes, precision = "float32") {
  const size = precision === "float16" ? 2 : 4;
  if (bytes.length % size) throw new PlayError("weights", "these weights end within a number");
  // As the machine stores numbers, which is little-endian wherever a browser runs.
  if (size === 4) return new Float32Array(bytes.buffer);
  const known = (halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => fromHalf(bits)));
  const stored = new Uint16Array(bytes.buffer);
  const floats = new Float32Array(stored.length);
  for (let i = 0; i < floats.length; i++) floats[i] = known[stored[i]];
  return floats;
}

/** @typedef {{shape: number[], at: number, scaled?: boolean}} Place */

/**
 * Numbers side by side.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {"float32" | "float16"} precision
 * @returns {(place: Place) => Float32Array} fewer numbers where the bytes end
 */
function plainNumbers(bytes, precision) {
  const floats = toFloats(bytes, precision);
  return ({ shape, at }) => floats.subarray(at, at + numElements(shape));
}

/**
 * float32, and matrices whose rows are whole numbers times a scale: the scales, then the whole numbers.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {(place: Place) => Float32Array} none where the bytes end
 */
function scaledNumbers({ buffer }) {
  return ({ shape, at, scaled }) => {
    const size = numElements(shape), rows = scaled ? shape[0] : 0, end = at + 4 * rows + size * (scaled ? 1 : 4);
    if (end > buffer.byteLength) return new Float32Array(0);
    if (!scaled) return new Float32Array(buffer, at, size);
    const scales = new Float32Array(buffer, at, rows), whole = new Int8Array(buffer, at + 4 * rows, size);
    return Float32Array.from(whole, (value, i) => value * scales[Math.floor(i / (size / rows))]);
  };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/**
 * The checksum CRC-32, as Python's `zlib.crc32` computes it.
 * @param {Uint8Array} bytes
 * @returns {number}
 */
export function crc32(bytes) {
  let sum = -1;
  for (let i = 0; i < bytes.length; i++) sum = CRC_TABLE[(sum ^ bytes[i]) & 0xff] ^ (sum >>> 8);
  return (sum ^ -1) >>> 0;
}

/**
 * A document of `olaria.export.play`, with its weights as arrays.
 *
 * Damaged weights still open, and `intact` says so: a page must not use them.
 * @param {PlayDocument} document
 * @returns {Opened}
 */
export function open(document) {
  if (document.format !== FORMAT) {
    throw new PlayError("format", `format ${document.format} is unknown`);
  }
  const bytes = decodeBase64(document.weights);
  const tensors = new Map(Object.entries(document.tensors));
  const numbers = document.precision === "int8" ? scaledNumbers(bytes) : plainNumbers(bytes, document.precision);
  const data = new Map([...tensors].map(([name, entry]) => {
    const found = numbers(entry);
    if (found.length < numElements(entry.shape)) throw new PlayError("weights", `the weights end before the tensor ${name}`);
    return [name, found];
  }));
  return {
    family: document.family,
    config: document.config,
    training: document.training ?? {},
    encodes: document.encodes ?? true,
    dimensions: document.dimensions,
    precision: document.precision,
    tokenizer: document.tokenizer ?? null,
    proof: document.proof,
    intact: crc32(bytes) === document.crc32,
    has: (name) => tensors.has(name),
    tensor(name) {
      const entry = tensors.get(name);
      if (!entry) throw new PlayError("tensor", `there is no tensor ${name}`);
      return { data: /** @type {Float32Array} */ (data.get(name)), shape: entry.shape };
    },
  };
}

/**
 * @param {number[]} shape
 * @returns {number}
 */
export function numElements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}
