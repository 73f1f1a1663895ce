/** The distribution of the next token of a lesson's sentence, under temperature, top-k and top-p. */

import { all, one } from "./elements.js";
import { filled, written } from "./numbers.js";
import { filterLogits } from "./sampling.js";
import { softmax } from "./tensor.js";

/**
 * Probabilities of the tokens that may come; 0 for the others.
 * @param {number[]} logits
 * @param {number} temperature above 0
 * @param {number} topK so many of the likeliest may come
 * @param {number} topP tokens may come until their probabilities add up to so much
 * @returns {number[]}
 */
export const filtered = (logits, temperature, topK, topP) =>
  Array.from(softmax(filterLogits(Float32Array.from(logits), { temperature, topK, topP })));

/**
 * Entropy in nats.
 * @param {number[]} probabilities
 */
export const entropy = (probabilities) =>
  -probabilities.filter((p) => p > 0).reduce((sum, p) => sum + p * Math.log(p), 0);

/**
 * @param {HTMLElement} game one `[data-next-token]`
 * @param {string} keptWords what is told of the tokens that may come
 */
export function startNextToken(game, keptWords) {
  const data = JSON.parse(game.dataset.logits ?? "[]"), shown = Number(game.dataset.shown);
  const inputs = all(game, ".controls input"), value = (name) => Number(inputs.find((i) => i.name === name).value);
  if (!inputs.length) return;
  const rows = one(game, "tbody").rows, kept = one(game, "[data-out=kept]");
  const draw = () => {
    for (const input of inputs) {
      input.nextElementSibling.value = written(Number(input.value), input.name === "top-k" ? 0 : 2);
    }
    const logits = data.map(([, logit]) => logit);
    const probabilities = filtered(logits, value("temperature"), value("top-k"), value("top-p"));
    for (let i = 0; i < Math.min(shown, rows.length); i++) {
      rows[i].querySelector("div").style.width = `${100 * probabilities[i] / probabilities[0]}%`;
      rows[i].cells[2].textContent = written(probabilities[i], 3);
    }
    kept.value = filled(keptWords, {
      kept: written(probabilities.filter((p) => p > 0).length, 0),
      all: written(data.length, 0),
      entropy: written(entropy(probabilities), 3),
    });
  };
  for (const input of inputs) input.addEventListener("input", draw);
  draw();
}
