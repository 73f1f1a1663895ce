/** Tokens as a reader sees them: blanks and what cannot be seen made visible, as `lessons.texts.visible` of Python does. */

const SIGNS = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\u00a0": "⍽" };

/** @param {number} code @param {number} length */
const hex = (code, length) => code.toString(16).padStart(length, "0");

/** @param {string} character */
function escaped(character) {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** @param {string} text */
export const visible = (text) => text
  .replace(/[ \n\t\r\u00a0]/g, (blank) => SIGNS[blank])
  .replace(/^\p{M}|[\p{C}\p{Z}\u00ad\u034f\u115f\u1160\u3164\uffa0]/gu, escaped);

/**
 * A text with its blanks and line ends as they are, and an escape for each character that is not seen, or that would
 * change how others are seen: as `olaria.characters.legible` of Python has it, but for the joiners between letters.
 * @param {string} text
 */
export const legible = (text) => text
  .replace(/^\p{M}|[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/gu,
    (one) => (one === "\n" || one === "\t" ? one : escaped(one)));

/**
 * A token as a reader sees it; a part of a character as its bytes.
 * @param {import("./tokens.js").Tokenizer} tokens
 * @param {number} id
 */
export function spelt(tokens, id) {
  const piece = tokens.piece(id);
  if (!piece.includes("\ufffd") || tokens.kind === "char" || tokens.kind === "word") return visible(piece);
  return [...tokens.bytes(id)].map((byte) => byte < 0x80 ? visible(String.fromCharCode(byte)) : `\\x${hex(byte, 2)}`).join("");
}
