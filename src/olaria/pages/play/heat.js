/** A heat map that is read cell by cell, by pointer and by keys. */

import { one } from "./elements.js";

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** @param {HTMLElement} area one `[data-heat]` */
export function startHeat(area) {
  const table = one(area, "table"), body = table.tBodies[0];
  let under = area.nextElementSibling;
  while (under && !under.matches(".under")) under = under.nextElementSibling;
  if (!under) return;
  const readout = one(under, "output"), numbers = one(under, "[data-numbers]");
  const hint = readout.dataset.hint;
  readout.value = hint;
  let here = null;
  const read = (cell) => {
    here?.classList.remove("here");
    here = cell;
    if (!cell) { readout.value = hint; return; }
    cell.classList.add("here");
    const row = cell.parentElement.cells[0].textContent, column = table.tHead.rows[0].cells[cell.cellIndex].textContent;
    readout.value = `${row} · ${column}: ${cell.textContent || "—"} ${area.dataset.unit}`;
  };
  body.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("td");
    if (cell) read(cell);
  });
  area.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const rows = body.rows, last = rows[0].cells.length - 1;
    const row = here ? here.parentElement.sectionRowIndex + move[0] : 0, column = here ? here.cellIndex + move[1] : 1;
    const cell = rows[Math.max(0, Math.min(rows.length - 1, row))].cells[Math.max(1, Math.min(last, column))];
    read(cell);
    cell.scrollIntoView({ block: "nearest", inline: "nearest"});
  });
  area.addEventListener("blur", () => read(null));
  numbers?.addEventListener("input", () => table.classList.toggle("numbers", numbers.checked));
}
