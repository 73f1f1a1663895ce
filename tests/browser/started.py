"""What the tests of live parts begin with: the part that a page holds, once it is on, and the files that it saves."""

from __future__ import annotations

STARTED = """
const box = document.querySelector("[data-live]");
const until = async fits => { for (let i = 0; i < 400 && !fits(); i++) await new Promise(d => setTimeout(d, 25)); };
await until(() => box.dataset.state);
const wait = ms => new Promise(done => setTimeout(done, ms));
const frame = () => wait(60);
/** What the address keeps, once it is written. */
const kept = async () => { await wait(600); return location.hash; };
const files = [];
window.Blob = class extends Blob { // reading one takes real time, which this browser's clock does not wait for
  constructor(parts, options) { super(parts, options); this.words = parts.join(""); }
};
const make = URL.createObjectURL;
URL.createObjectURL = blob => { files.push(blob); return make(blob); };
const table = async () => { button("save the numbers (CSV)").click(); return files.at(-1).words; };
"""
"""``button`` is the test's own: by its whole words, or by how they begin."""
