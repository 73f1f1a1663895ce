/** A guess before a live part shows what happens. It is kept in the address, and stands beside what is then seen. */

import { all, make, one } from "./elements.js";
import { FORMS } from "./link_state.js";
import { filled } from "./numbers.js";

const NONE = "-"; // in the address: the reader went on without a guess

/**
 * @param {HTMLElement} box of the live part, with a `.live-guess` where it asks
 * @param {(fields: Record<string, any>) => any} stateOf see `stateOf`
 * @param {import("./link_state.js").Kept} link
 * @param {Record<string, string>} words
 * @param {() => void} show the part anew, once it has a place on the page
 */
export function startGuess(box, stateOf, link, words, show) {
  /** @type {HTMLElement | null} */
  const question = box.querySelector(".live-guess");
  if (!question) return;
  const list = one(question, "ul"), items = all(list, "li"), answers = items.map((item) => item.textContent);
  const letters = answers.map((_, place) => String.fromCharCode(97 + place));
  const state = stateOf({ guess: { form: FORMS.text, start: "", fits: (text) => text === NONE || letters.includes(text) } });
  const told = make("p.guessed", { tabindex: -1 });
  const draw = () => {
    const { guess } = state.values, answer = answers[letters.indexOf(guess)];
    box.toggleAttribute("data-asks", !guess);
    list.hidden = skip.hidden = !!guess;
    told.hidden = answer === undefined;
    question.hidden = guess === NONE;
    told.textContent = answer === undefined ? "" : filled(words.guessed, { guess: answer });
  };
  const give = (guess) => {
    state.values.guess = guess;
    state.keep();
    draw();
    show();
    told.focus();
  };
  items.forEach((item, place) => {
    item.append(make("button", { onclick: () => give(letters[place]) }, ...item.childNodes));
  });
  const skip = make("button.skip", { onclick: () => give(NONE) }, words.noGuess);
  question.append(skip, told);
  box.prepend(question);
  link.listeners.push(() => { state.restore(); draw(); });
  draw();
}
