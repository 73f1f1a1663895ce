/** Small words about the elements of a page, which every module that touches them shares. */

/**
 * The elements of a selector, as an array.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {any[]}
 */
export const all = (root, selector) => [...root.querySelectorAll(selector)];

/**
 * The first element of a selector; null where there is none.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {any}
 */
export const one = (root, selector) => root.querySelector(selector);

/**
 * A new element. What is given stays text: nothing is read as HTML.
 * @param {string} name of the element, perhaps with its classes: `p.small`
 * @param {Record<string, any>} [given] attributes; those that begin with `on` are listeners, false and null are left out
 * @param {...(Node | string)} content
 * @returns {any}
 */
export const make = (name, given = {}, ...content) => {
  const [tag, ...classes] = name.split(".");
  const made = /** @type {any} */ (document.createElement(tag));
  if (tag === "button") made.type = "button"; // which sends no form
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...content);
  return made;
};

/** Say of a button whether it is pressed. @param {HTMLElement} button @param {boolean} is */
export const press = (button, is) => button.setAttribute("aria-pressed", String(is));

/**
 * What a page's `<script type="application/json">` holds.
 * @param {string} id
 * @returns {any}
 */
export const given = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
