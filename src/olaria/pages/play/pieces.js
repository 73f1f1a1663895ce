/**
 * Work in pieces, one a frame, so that the page can draw and answer between them.
 * @returns {(pieces: (() => void)[]) => void} begins with these; what is left of others is dropped
 */
export function makeQueue() {
  /** @type {(() => void)[]} */
  let left = [];
  let asked = 0;
  const next = () => {
    asked = 0;
    left.shift()?.();
    ask();
  };
  const ask = () => { if (!asked && left.length) asked = requestAnimationFrame(next); };
  return (pieces) => { left = [...pieces]; ask(); };
}
