/** What moves in the page of a lesson. */

import { startChoice } from "./choices.js";
import { all, given } from "./elements.js";
import { startGaussians } from "./gaussians.js";
import { startHeat } from "./heat.js";
import { startNextToken } from "./next_token.js";
import { startQuestions } from "./questions.js";
import { startScroll } from "./scroll.js";

/** Start every part that the page has. */
export function start() {
  const words = given("words");
  all(document, "[data-choice]").forEach(startChoice);
  startQuestions(all(document, ".question"), document.getElementById("guesses"));
  all(document, ".scroll, .formula").forEach(startScroll);
  all(document, "[data-heat]").forEach(startHeat);
  all(document, "[data-gaussians]").forEach((game) => startGaussians(game, words.moving));
  all(document, "[data-next-token]").forEach((game) => startNextToken(game, words.kept));
}
