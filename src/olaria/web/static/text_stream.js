/** A text as the studio draws it: one stream of events, which ends where the reader stops it. */

import { ask, Trouble } from "./api.js";
import { parsed } from "./follow.js";
import { t } from "./words.js";

/**
 * A token that was drawn.
 * @typedef {object} Drawn
 * @property {number} id
 * @property {string} token U+FFFD where it is only a part of a character
 * @property {number} probability of the model itself
 * @property {number} drawn_with the probability of the draw
 * @property {[number, string, number, number][]} alternatives id, text, and both probabilities
 */

/**
 * What is shown at once: whole characters, mostly of one token.
 * @typedef {object} Unit
 * @property {string} text
 * @property {Drawn[]} tokens none of what the reader wrote
 * @property {boolean} [isChosen] by the reader in place of what was drawn
 */

/**
 * Have something drawn, event by event. Where too much is drawn at once, wait and ask again.
 * @param {string} id of the run
 * @param {Record<string, any>} body
 * @param {AbortSignal} ended
 * @param {(events: {kind: string, data: any}[]) => void} told those that came at once
 * @param {(seconds: number) => void} busy is called before each wait
 * @returns {Promise<void>}
 * @throws {Trouble} where it breaks off, unless the reader ended it
 */
export async function stream(id, body, ended, told, busy) {
  const answer = await inTurn(`api/runs/${id}/draw`, { ...body, stream: true }, ended, busy);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let rest = "", isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = parts.pop() ?? "";
      const events = parts.map(parsed);
      told(events.filter(({ kind }) => kind !== "failed"));
      const failed = events.find(({ kind }) => kind === "failed");
      if (failed) throw new Trouble(failed.data);
      isDone ||= events.some(({ kind }) => kind === "done");
    }
  } catch (error) {
    if (error instanceof Trouble || ended.aborted) throw error;
  }
  if (!isDone && !ended.aborted) throw new Trouble({ code: "lost", message: t("text_broken"), hint: t("text_broken_hint") });
}

/** Ask again after the wait that the studio names. */
async function inTurn(path, body, ended, busy) {
  for (;;) {
    try {
      return await ask(path, { body, signal: ended });
    } catch (error) {
      if (!(error instanceof Trouble) || !error.wait) throw error;
      busy(error.wait);
      await pause(1000 * error.wait, ended);
    }
  }
}

/** @param {number} ms @param {AbortSignal} ended */
const pause = (ms, ended) => new Promise((done, failed) => {
  const timer = setTimeout(done, ms);
  ended.addEventListener("abort", () => { clearTimeout(timer); failed(ended.reason); }, { once: true });
});
