/** A guess before the answer: what follows a question is hidden until the reader has chosen, or asks to read on. */

import { all, make } from "./elements.js";

/** @param {HTMLElement} question one `.question`, whose answer is the element after it */
export function startQuestion(question) {
  const told = question.querySelector(".told"), answer = question.nextElementSibling;
  const items = all(question, "li"), right = Number(question.dataset.right);
  const show = () => { answer.hidden = false; skip.remove(); };
  const guess = (place) => {
    items.forEach((item, i) => {
      item.classList.toggle("right", i === right);
      item.classList.toggle("guessed", i === place);
    });
    told.textContent = place === right ? told.dataset.yes : told.dataset.no;
    show();
  };
  items.forEach((item, place) => {
    item.append(make("button", { type: "button", onclick: () => guess(place) }, ...item.childNodes));
  });
  const skip = make("button.skip", { type: "button", onclick: show }, told.dataset.open);
  question.append(skip);
  answer.hidden = "until-found";
  answer.addEventListener("beforematch", show);
}
