/** A choice among figures: sliders and lists, of which one panel is seen, and a button that runs through a slider. */

import { all, press } from "./elements.js";

const FRAME_MS = 350;

/** @param {any} control */
const place = (control) => control.tagName === "SELECT" ? control.selectedIndex : Number(control.value);

/** @param {any} control */
const count = (control) => control.tagName === "SELECT" ? control.options.length : Number(control.max) + 1;

/** @param {HTMLElement} choice one `[data-choice]` */
export function startChoice(choice) {
  const own = (selector) => all(choice, selector).filter((e) => e.closest("[data-choice]") === choice);
  const controls = own(".controls input, .controls select"), panels = own(".panel");
  const show = () => {
    let index = 0;
    for (const control of controls) {
      index = index * count(control) + place(control);
      if (control.dataset.labels) {
        const label = JSON.parse(control.dataset.labels)[place(control)];
        control.setAttribute("aria-valuetext", label);
        control.parentElement.querySelector("output").value = label;
      }
    }
    panels.forEach((panel, i) => { panel.hidden = i !== index; });
  };
  for (const control of controls) control.addEventListener("input", show);
  for (const button of own("[data-plays]")) startPlaying(button, show);
  show();
}

function startPlaying(button, show) {
  const slider = button.parentElement.querySelector("input");
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; press(button, false); };
  const next = () => {
    if (slider.value === slider.max) return stop();
    slider.value = Number(slider.value) + 1;
    show();
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    press(button, true);
    if (slider.value === slider.max) slider.value = 0;
    timer = setInterval(next, FRAME_MS);
    show();
  });
}
