/**
 * Byte-level byte-pair encoding, as `olaria.data.bpe` does it: frequent neighbours became one token, again and again.
 */

const UTF8 = new TextEncoder();

/**
 * What the merges make of a text, and of each token its bytes.
 * @param {string[]} vocabulary tokens in the order of ids, written in {@link byteLetters}
 * @param {[string, string][]} merges the most urgent first
 * @returns {{spelt: Uint8Array[], encode: (text: string) => number[]}}
 */
export function bytePairs(vocabulary, merges) {
  const letters = byteLetters();
  const byteOf = new Map(letters.map((letter, byte) => [letter, byte]));
  const idOf = new Map(vocabulary.map((token, id) => [token, id]));
  /** @param {string} token */
  const id = (token) => {
    const found = idOf.get(token);
    if (found === undefined) throw new Error(`the vocabulary lacks ${token}`);
    return found;
  };
  // A token added by hand, such as a marker with other letters, is its own text.
  const spelt = vocabulary.map((token) =>
    [...token].every((letter) => byteOf.has(letter))
      ? Uint8Array.from([...token], (letter) => /** @type {number} */ (byteOf.get(letter)))
      : UTF8.encode(token),
  );
  const byteIds = letters.map(id);
  const merged = merges.map(([left, right]) => id(left + right));
  /** @type {Map<number, number>} pair of ids to its rank */
  const rankOf = new Map(
    merges.map(([left, right], rank) => [id(left) * vocabulary.length + id(right), rank]),
  );
  /** @type {Map<string, number[]>} */
  const known = new Map();
  /** @param {string} text */
  const encode = (text) =>
    splitPieces(text).flatMap((piece) => {
      let ids = known.get(piece);
      if (ids === undefined) {
        ids = mergePairs(
          Array.from(UTF8.encode(piece), (byte) => byteIds[byte]),
          (left, right) => rankOf.get(left * vocabulary.length + right),
          merged,
        );
        if (known.size < 10_000) known.set(piece, ids);
      }
      return ids;
    });
  return { spelt, encode };
}

/**
 * A visible character for each of the 256 bytes: printable Latin-1 bytes stand for themselves, the others take the
 * characters from U+0100 on in their order, so that a space is Ġ.
 */
export function byteLetters() {
  let hidden = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isVisible =
      (byte >= 0x21 && byte < 0x7f) || (byte >= 0xa1 && byte < 0xad) || byte >= 0xae;
    return String.fromCodePoint(isVisible ? byte : hidden++);
  });
}

const PIECES =
  /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{Z}\t-\r\x85\p{L}\p{N}]+|[\p{Z}\t-\r\x85]+(?![^\p{Z}\t-\r\x85])|[\p{Z}\t-\r\x85]+/gu;

/**
 * The pieces that no token crosses; joined, they are the text. The pattern is GPT-2's.
 *
 * Letters and numbers are those of the browser's Unicode tables, which may know newer characters than Python's.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function splitPieces(text) {
  return text.match(PIECES) ?? [];
}

const GONE = -1;
const PLACES = 2 ** 32;

/**
 * Merge the most urgent pair first, of equals the leftmost, until there is none.
 *
 * Symbols form a linked list and pairs wait in a queue, so that n bytes take O(n log n) steps.
 *
 * @param {number[]} symbols ids of the bytes; changed in place
 * @param {(left: number, right: number) => number | undefined} rankOf
 * @param {number[]} merged what the pair of each rank becomes
 */
function mergePairs(symbols, rankOf, merged) {
  const end = symbols.length;
  const after = symbols.map((_, place) => place + 1);
  const before = symbols.map((_, place) => place - 1);
  const queue = heap();
  /** @param {number} place */
  const propose = (place) => {
    if (place < 0 || after[place] >= end) return;
    const rank = rankOf(symbols[place], symbols[after[place]]);
    if (rank !== undefined) queue.push(rank * PLACES + place);
  };
  for (let place = 0; place + 1 < end; place++) propose(place);
  for (let least = queue.pop(); least !== undefined; least = queue.pop()) {
    const place = least % PLACES;
    const becomes = merged[(least - place) / PLACES];
    const gone = after[place];
    if (symbols[place] === GONE || gone === end) continue;
    const rank = rankOf(symbols[place], symbols[gone]);
    if (rank === undefined || merged[rank] !== becomes) continue; // one of the two has changed meanwhile
    symbols[place] = becomes;
    symbols[gone] = GONE;
    after[place] = after[gone];
    if (after[place] < end) before[after[place]] = place;
    propose(before[place]);
    propose(place);
  }
  return symbols.filter((symbol) => symbol !== GONE);
}

/** Numbers of which the least comes out first. */
function heap() {
  /** @type {number[]} */
  const items = [];
  return {
    /** @param {number} item */
    push(item) {
      let at = items.length;
      while (at > 0 && items[(at - 1) >> 1] > item) {
        items[at] = items[(at - 1) >> 1];
        at = (at - 1) >> 1;
      }
      items[at] = item;
    },
    /** @returns {number | undefined} */
    pop() {
      const least = items[0];
      const last = items.pop();
      if (last === undefined || items.length === 0) return least;
      let at = 0;
      for (let child = 1; child < items.length; child = 2 * at + 1) {
        if (child + 1 < items.length && items[child + 1] < items[child]) child++;
        if (items[child] >= last) break;
        items[at] = items[child];
        at = child;
      }
      items[at] = last;
      return least;
    },
  };
}
