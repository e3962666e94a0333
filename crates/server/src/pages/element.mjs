// Making elements: the one way text gets onto the page, so that no text ever becomes markup.

/** Set as attributes: their properties are read-only, or take no text. */
const ATTRIBUTES = ["list", "form", "spellcheck"];

/**
 * An element with properties (or attributes, where there is no such property) and children.
 * Children that are false, null or undefined are left out; texts stay texts.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in made && !ATTRIBUTES.includes(name)) made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A text with its `code spans` as such, as doc comments have them; only its first paragraph. */
export function prose(text) {
  const [first] = text.split(/\n\s*\n/);
  const parts = first.replace(/\s*\n\s*/g, " ").split("`");
  return parts.map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

/** `AddToCart` and `best_before` as people write: "Add to cart", "Best before". */
export function words(name) {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[_-]+/g, " ").trim().toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
