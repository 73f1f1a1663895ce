/**
 * A text that grows, with a place for each of its tokens. It is written by hand and not by Preact: what is there stays
 * as it is while a piece comes.
 */

import { make } from "play/elements.js";
import { legible } from "play/spelling.js";

const LIMITS = [0.5, 0.2, 0.05, 0.01]; // of the bands, from likely to unlikely
const MOST_GIVEN = 2000; // letters of a prompt that are shown
const NEAR_PX = 40; // from the end, at which the view follows the text

/** How unlikely a token was: 0 to 4. @param {number} probability */
export function bandOf(probability) {
  const band = LIMITS.findIndex((limit) => probability >= limit);
  return band < 0 ? LIMITS.length : band;
}

/** The bands as the legend has them: from, up to. */
export const BANDS = [...LIMITS, 0].map((low, band) => ({ band, low, high: band ? LIMITS[band - 1] : 1 }));

/** @param {import("./text_stream.js").Unit} unit */
export const probabilityOf = (unit) => unit.tokens.reduce((product, one) => product * one.probability, 1);

/**
 * @param {HTMLElement} box
 * @param {(place: number) => void} choose a token; -1 for none
 */
export function makePane(box, choose) {
  /** @type {import("./text_stream.js").Unit[]} */
  let units = [];
  /** @type {HTMLElement[]} */
  let spans = [];
  let line = make("div.line"), chosen = -1, follows = true;
  /** A line's end closes its block: a browser then lays out only the last one again. */
  const put = (span, text) => {
    line.append(span);
    if (!text.endsWith("\n")) return;
    span.classList.add("ends");
    line = make("div.line");
    box.append(line);
  };
  const unitSpan = (unit) => {
    const span = make("span", { "data-at": spans.length }, legible(unit.text.replace(/\n$/, "")));
    span.className = !unit.tokens.length ? "given"
      : `t b${bandOf(probabilityOf(unit))}${unit.isChosen ? " own" : ""}`;
    return span;
  };
  const toEnd = () => requestAnimationFrame(() => { if (follows) box.scrollTop = box.scrollHeight; });
  const mark = (place) => {
    spans[chosen]?.removeAttribute("aria-current");
    chosen = units[place]?.tokens.length ? place : -1;
    spans[chosen]?.setAttribute("aria-current", "true");
    spans[chosen]?.scrollIntoView({ block: "nearest" });
    choose(chosen);
  };
  const walk = (move) => {
    const from = chosen < 0 ? (move < 0 ? units.length : -1) : chosen;
    for (let place = from + move; units[place]; place += move) {
      if (units[place].tokens.length) return mark(place);
    }
  };
  box.addEventListener("scroll", () => {
    follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
  }, { passive: true });
  box.addEventListener("click", ({ target }) => {
    const span = /** @type {HTMLElement} */ (target).closest(".t");
    if (span) mark(Number(/** @type {HTMLElement} */ (span).dataset.at) === chosen ? -1 : Number(/** @type {HTMLElement} */ (span).dataset.at));
  });
  box.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move) walk(move);
    else if (event.key === "Escape" && chosen >= 0) mark(-1);
    else return;
    event.preventDefault();
  });
  return {
    get units() { return units; },
    mark,
    walk,
    /**
     * Begin anew.
     * @param {string} prompt
     * @param {import("./text_stream.js").Unit[]} kept what goes on after it
     */
    begin(prompt, kept) {
      mark(-1);
      [units, spans, follows] = [[], [], true];
      line = make("div.line");
      box.replaceChildren(line);
      const left = Math.max(0, prompt.length - MOST_GIVEN);
      if (prompt) put(make("span.given", {}, (left ? "… " : "") + legible(prompt.slice(left).replace(/\n$/, ""))), prompt);
      this.add(kept);
    },
    /** @param {import("./text_stream.js").Unit[]} more */
    add(more) {
      for (const unit of more) {
        const span = unitSpan(unit);
        units.push(unit);
        spans.push(span);
        put(span, unit.text);
      }
      if (more.length && follows) toEnd();
    },
  };
}
