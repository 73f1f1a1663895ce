/** A guess before the answer: what follows a question is hidden until the reader has chosen, or asks to read on. */

import { all, make, one } from "./elements.js";

/**
 * All questions of a lesson, and the line for `report.toml` that keeps what was guessed first.
 *
 * @param {HTMLElement[]} questions in order
 * @param {HTMLElement | null} kept where the line is shown, with the lesson's id
 */
export function startQuestions(questions, kept) {
  const guesses = questions.map(() => "-");
  questions.forEach((question, number) => startQuestion(question, (place) => {
    if (!kept || guesses[number] !== "-") return;
    guesses[number] = String.fromCharCode(97 + place);
    one(kept, "code").textContent = `guesses = { ${kept.dataset.lesson} = "${guesses.join(", ")}" }`;
    kept.hidden = false;
  }));
}

/**
 * @param {HTMLElement} question one `.question`, whose answer is the element after it
 * @param {(place: number) => void} guessed is told of each guess
 */
function startQuestion(question, guessed) {
  const told = one(question, ".told"), answer = /** @type {any} */ (question.nextElementSibling);
  const items = all(question, "li"), right = Number(question.dataset.right);
  const show = () => { answer.hidden = false; skip.remove(); };
  const guess = (place) => {
    items.forEach((item, i) => {
      item.classList.toggle("right", i === right);
      item.classList.toggle("guessed", i === place);
    });
    told.textContent = place === right ? told.dataset.yes : told.dataset.no;
    show();
    guessed(place);
  };
  items.forEach((item, place) => {
    item.append(make("button", { onclick: () => guess(place) }, ...item.childNodes));
  });
  const skip = make("button.skip", { onclick: show }, told.dataset.open);
  question.append(skip);
  answer.hidden = "until-found";
  answer.addEventListener("beforematch", show);
}
