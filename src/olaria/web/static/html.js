/** Elements of the page, written as HTML in templates; every value in them stays text. */

import { h } from "preact";
import htm from "htm";

/** @type {(parts: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
