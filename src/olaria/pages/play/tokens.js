/**
 * Text to tokens and back, as `olaria.data.tokenizer` and `olaria.data.bpe` do it: characters, bytes, words, byte pairs.
 *
 * A text is first brought into the form of what models read: newlines as \n, characters composed (Unicode NFC).
 */

import { bytePairs } from "./byte_pairs.js";

/**
 * A character that the run was not trained on.
 *
 * @typedef {object} Unknown
 * @property {string} character
 * @property {number} at place in the normalised text, in characters
 * @property {"error" | "replace" | "skip"} action what the run does: it refuses the text, writes `by` instead of the
 *   character, or leaves the character out. Here a refused character is left out too, so that the rest can be shown.
 * @property {string | null} by what stands for it
 */

/**
 * @typedef {object} Encoded
 * @property {number[]} ids
 * @property {string[]} pieces the text of each token; U+FFFD where a token is only a part of a character
 * @property {Unknown[]} unknown in the order of the text
 */

/**
 * @typedef {object} Tokenizer
 * @property {"char" | "byte" | "word" | "bpe"} kind
 * @property {number} size number of tokens V
 * @property {(text: string) => Encoded} encode
 * @property {(ids: Iterable<number>) => string} decode bytes that are not UTF-8 read as U+FFFD
 * @property {(id: number) => string} piece the text of one token
 * @property {(id: number) => Uint8Array} bytes the UTF-8 bytes of one token
 */

/**
 * What an export holds of a tokenizer: the run's tokenizer.json and, in `unseen`, the setting of its data.
 *
 * @typedef {{kind: string, alphabet?: string[], vocabulary?: string[], merges?: [string, string][],
 *   unseen?: "error" | "replace" | "skip", proof?: {text: string, ids: number[]}}} TokenizerDocument `proof` is a text
 *   and its ids in Python, without unknown characters
 */

const REPLACEMENTS = ["\uFFFD", "?", " "];
const UTF8 = new TextEncoder();

/**
 * @param {TokenizerDocument} document
 * @returns {Tokenizer}
 */
export function tokenizer(document) {
  const unseen = document.unseen ?? "error";
  switch (document.kind) {
    case "char":
      return characters(document.alphabet ?? [], unseen);
    case "byte":
      return bytes();
    case "word":
      return words(document.vocabulary ?? [], unseen);
    case "bpe":
      return byteLevel(document.vocabulary ?? [], document.merges ?? []);
    default:
      throw new Error(`no tokenizer is named ${document.kind}`);
  }
}

/**
 * Whether the proof of a tokenizer has the same ids here as in Python.
 *
 * They differ where the document is damaged, or where a browser's Unicode tables are not Python's.
 * @param {TokenizerDocument} document
 */
export function isProved(document) {
  if (!document.proof) return false;
  const { ids } = tokenizer({ ...document, unseen: "skip" }).encode(document.proof.text);
  return ids.join() === document.proof.ids.join();
}

/**
 * A typed text in the form of what models read.
 *
 * @param {string} text
 */
export function normalise(text) {
  return text.replace(/\r\n?/g, "\n").normalize("NFC");
}

// -- characters and words -------------------------------------------------------------------------

/**
 * @param {string[]} alphabet in the order of ids
 * @param {"error" | "replace" | "skip"} unseen
 * @returns {Tokenizer}
 */
function characters(alphabet, unseen) {
  const idOf = new Map(alphabet.map((character, id) => [character, id]));
  const substitute = substituteIn(idOf, unseen);
  return whole("char", alphabet, (text) => {
    const spelt = spelling(idOf, substitute);
    [...text].forEach(spelt.add);
    return spelt;
  });
}

/**
 * A word with the space before it is one token where the vocabulary has it; else its letters are tokens.
 *
 * @param {string[]} vocabulary in the order of ids
 * @param {"error" | "replace" | "skip"} unseen
 * @returns {Tokenizer}
 */
function words(vocabulary, unseen) {
  const idOf = new Map(vocabulary.map((entry, id) => [entry, id]));
  const letters = new Map([...idOf].filter(([entry]) => [...entry].length === 1));
  const substitute = substituteIn(letters, unseen);
  return whole("word", vocabulary, (text) => {
    const spelt = spelling(letters, substitute);
    for (const word of text.match(/ ?[\p{L}\p{N}_]+|./gsu) ?? []) {
      const id = idOf.get(word);
      if (id === undefined) [...word].forEach(spelt.add);
      else spelt.take(id, [...word].length);
    }
    return spelt;
  });
}

/**
 * A tokenizer whose tokens are whole characters.
 *
 * @param {"char" | "word"} kind
 * @param {string[]} entries text of each token
 * @param {(text: string) => {ids: number[], unknown: Unknown[]}} encode
 * @returns {Tokenizer}
 */
function whole(kind, entries, encode) {
  /** @param {number} id */
  const piece = (id) => entries[checked(id, entries.length)];
  return {
    kind,
    size: entries.length,
    encode: (text) => {
      const { ids, unknown } = encode(normalise(text));
      return { ids, pieces: ids.map(piece), unknown };
    },
    decode: (ids) => [...ids].map(piece).join(""),
    piece,
    bytes: (id) => UTF8.encode(piece(id)),
  };
}

/**
 * What stands for an unknown character.
 *
 * @param {Map<string, number>} idOf
 * @param {"error" | "replace" | "skip"} unseen
 * @returns {{action: "error" | "replace" | "skip", by: string | null}}
 */
function substituteIn(idOf, unseen) {
  if (unseen !== "replace") return { action: unseen, by: null };
  const by = REPLACEMENTS.find((character) => idOf.has(character)) ?? null;
  return { action: by === null ? "error" : "replace", by };
}

/**
 * Collects ids, and characters that have none.
 *
 * @param {Map<string, number>} idOf
 * @param {{action: "error" | "replace" | "skip", by: string | null}} substitute
 */
function spelling(idOf, { action, by }) {
  /** @type {number[]} */
  const ids = [];
  /** @type {Unknown[]} */
  const unknown = [];
  let at = 0;
  /** @param {number} id @param {number} length in characters */
  const take = (id, length) => {
    ids.push(id);
    at += length;
  };
  /** @param {string} character */
  const add = (character) => {
    const id = idOf.get(character);
    if (id !== undefined) return take(id, 1);
    unknown.push({ character, at, action, by });
    if (by !== null) ids.push(/** @type {number} */ (idOf.get(by)));
    at += 1;
  };
  return { ids, unknown, take, add };
}

// -- bytes and byte pairs -------------------------------------------------------------------------

/** @returns {Tokenizer} */
function bytes() {
  const spelt = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  return ofBytes("byte", spelt, (text) => [...UTF8.encode(text)]);
}

/**
 * @param {string[]} vocabulary in the order of ids
 * @param {[string, string][]} merges
 * @returns {Tokenizer}
 */
function byteLevel(vocabulary, merges) {
  const { spelt, encode } = bytePairs(vocabulary, merges);
  return ofBytes("bpe", spelt, encode);
}

/**
 * A tokenizer whose tokens are bytes: nothing is unknown but halves of surrogate pairs, which UTF-8 cannot hold.
 *
 * @param {"byte" | "bpe"} kind
 * @param {Uint8Array[]} spelt bytes of each token
 * @param {(text: string) => number[]} encode
 * @returns {Tokenizer}
 */
function ofBytes(kind, spelt, encode) {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  /** @param {number} id */
  const bytesOf = (id) => spelt[checked(id, spelt.length)];
  /** @param {Iterable<number>} ids */
  const decode = (ids) => utf8.decode(Uint8Array.from([...ids].flatMap((id) => [...bytesOf(id)])));
  /** @param {number} id */
  const piece = (id) => decode([id]);
  return {
    kind,
    size: spelt.length,
    encode: (text) => {
      const normal = normalise(text);
      const ids = encode(normal.replace(/\p{Surrogate}/gu, ""));
      return { ids, pieces: ids.map(piece), unknown: halves(normal) };
    },
    decode,
    piece,
    bytes: bytesOf,
  };
}

/**
 * @param {string} text
 * @returns {Unknown[]}
 */
function halves(text) {
  /** @type {Unknown[]} */
  const found = [];
  [...text].forEach((character, at) => {
    if (/\p{Surrogate}/u.test(character)) found.push({ character, at, action: "error", by: null });
  });
  return found;
}

/**
 * @param {number} id
 * @param {number} size
 */
function checked(id, size) {
  if (!Number.isInteger(id) || id < 0 || id >= size) {
    throw new RangeError(`token ${id} is outside the vocabulary of ${size}`);
  }
  return id;
}
