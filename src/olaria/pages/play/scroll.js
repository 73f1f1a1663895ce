/** Marks at the sides of what is wider than the page. */

/** @param {HTMLElement} box one `.scroll` or `.formula` */
export function startScroll(box) {
  const tell = () => {
    const rest = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more-left", box.scrollLeft > 2);
    box.classList.toggle("more-right", rest > 2);
  };
  box.addEventListener("scroll", tell, { passive: true });
  new ResizeObserver(tell).observe(box);
  tell();
}
