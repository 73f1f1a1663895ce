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
 * A token as a reader sees it; a part of a character as its bytes.
 * @param {import("./tokens.js").Tokenizer} tokens
 * @param {number} id
 */
export function spelt(tokens, id) {
  const piece = tokens.piece(id);
  if (!piece.includes("\ufffd") || tokens.kind === "char" || tokens.kind === "word") return visible(piece);
  return [...tokens.bytes(id)].map((byte) => byte < 0x80 ? visible(String.fromCharCode(byte)) : `\\x${hex(byte, 2)}`).join("");
}
