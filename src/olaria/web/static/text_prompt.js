/** What the reader types: kept in the address while it is short, and counted in the run's tokens. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { visible } from "play/spelling.js";
import { normalise, tokenizer } from "play/tokens.js";
import { html } from "./html.js";
import { keep, place } from "./place.js";
import { marked, Wrong } from "./text_settings.js";
import { number, t } from "./words.js";

export const LONGEST = 1000; // letters of a text that the address keeps
const WAIT_MS = 250; // after the last letter, before its tokens are counted
/** A text that is too long for the address, while the page is open. */
const long = { id: "", text: "" };
const MOST_NAMED = 12; // characters that the run does not know

/**
 * A text that the reader types: the address keeps it while it is short, and what comes by a link is taken.
 * @returns {[string, (text: string) => void]}
 */
export function usePrompt() {
  const { id = "" } = place.value;
  const [text, setText] = useState(place.value.prompt ?? (long.id === id ? long.text : ""));
  const kept = useRef(place.value.prompt ?? "");
  const now = place.value.prompt ?? "";
  useEffect(() => {
    if (now === kept.current) return;
    kept.current = now;
    setText(now);
  }, [now]);
  return [text, (typed) => {
    kept.current = typed.length > LONGEST ? "" : typed;
    Object.assign(long, { id, text: kept.current ? "" : typed });
    setText(typed);
    keep({ prompt: kept.current || null });
  }];
}

/** The tokens of a text, as the run cuts it. */
export function useTokens(text, document) {
  const tokens = useMemo(() => tokenizer({ ...document, unseen: place.value.unseen ?? document.unseen }),
    [document, place.value.unseen]);
  const [found, setFound] = useState(() => tokens.encode(normalise(text)));
  useEffect(() => {
    const timer = setTimeout(() => setFound(tokens.encode(normalise(text))), WAIT_MS);
    return () => clearTimeout(timer);
  }, [text, tokens]);
  return found;
}

/** Characters that the run does not know, and what it does with them. */
export function unknownWords({ unknown }) {
  if (!unknown.length) return "";
  const names = [...new Set(unknown.map(({ character }) => character))].slice(0, MOST_NAMED).map((one) => `“${visible(one)}”`);
  const [{ action, by }] = unknown;
  return t(`text_unknown_${action}`, { characters: names.join(", "), by: visible(by ?? "") });
}

/**
 * @param {object} of
 * @param {string} of.label
 * @param {string} of.prompt
 * @param {(text: string) => void} of.type
 * @param {any} of.field where the element is kept
 * @param {any} of.wrong
 * @param {() => void} of.write
 * @param {(string | false | null | undefined)[]} of.notes what is to be known of it
 */
export function PromptField({ label, prompt, type, field, wrong, write, notes }) {
  const keys = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    write();
  };
  const all = [...notes, prompt.length > LONGEST && t("text_too_long", { count: number(LONGEST, 0) })];
  return html`<label class="wide">${label}<textarea rows="4" spellcheck="false" autocapitalize="off" ref=${field} value=${prompt}
      ...${marked("prompt", wrong)} onInput=${(event) => type(event.target.value)} onKeyDown=${keys}></textarea></label>
    <p class="soft" id="why-prompt">${all.filter(Boolean).join(" ")}</p><${Wrong} name="prompt" wrong=${wrong} />`;
}
