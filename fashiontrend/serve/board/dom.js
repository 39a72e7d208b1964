/** Creates elements without HTML strings, so that nothing from the server is ever parsed as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 */

/**
 * Make an HTML element. `on*` attributes are listeners; null, undefined and false are left out.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return /** @type {HTMLElement} */ (fill(document.createElement(tag), attributes, children));
}

/**
 * Make an SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function s(tag, attributes = {}, ...children) {
  return /** @type {SVGElement} */ (fill(document.createElementNS(SVG, tag), attributes, children));
}

/**
 * The element with this id; the page always has it.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element #${id}`);
  return found;
}

/** All elements that a selector finds. @param {string} css */
export const all = (css) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(css)]);

/**
 * Do `work` on every item, a few at a time, so that the page stays quick meanwhile.
 * @template T
 * @param {T[]} items
 * @param {number} first how many at once, before anything else
 * @param {number} size how many a step after that
 * @param {(some: T[]) => void} work
 * @param {AbortSignal} signal stops the rest
 */
export async function inSteps(items, first, size, work, signal) {
  work(items.slice(0, first));
  for (let at = first; at < items.length; at += size) {
    await new Promise((resolve) => setTimeout(resolve));
    if (signal.aborted) return;
    work(items.slice(at, at + size));
  }
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}
