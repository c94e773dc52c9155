// How is the page built and kept up to date? Elements made by hand, changed only where they differ.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id; the templates have it. */
export const byId = (id) => document.getElementById(id);

/** An HTML element: `el("p", { class: "soft", hidden: true, onclick }, "text", child)`. */
export const el = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

/** The same in SVG. */
export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Set, change or (null, undefined, false) take away; `on...` are listeners. */
export function setAttribute(node, name, value) {
  if (name.startsWith("on")) {
    node.addEventListener(name.slice(2), value);
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/** Text that is written only where it differs, so that a selection and a screen reader's place stay. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Replace what stands in a node, but only where `facts` differ from those of the last time.
 * `make` gives the children.
 */
export function rebuild(node, facts, make) {
  const print = JSON.stringify(facts);
  if (node.davyPrint === print) return;
  node.davyPrint = print;
  node.replaceChildren(...[make()].flat().filter((child) => child !== null && child !== undefined));
}

/**
 * One child for each item, found again by its key: made where it is new, moved where the order
 * changed, taken away where it is gone. Focus and open details stay.
 */
export function keyed(parent, items, keyOf, make, update) {
  const wanted = new Map([...items].map((item) => [String(keyOf(item)), item]));
  const had = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) had.set(child.dataset.key, child);
    else child.remove(); // first, so that what stays need not move: moving takes the focus away
  }
  let place = parent.firstElementChild;
  for (const [key, item] of wanted) {
    const child = had.get(key) ?? named(make(item), key);
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

function named(child, key) {
  child.dataset.key = key;
  return child;
}

/** A table; headers are `{ text, number }`, cells texts or nodes, the first of a row names it. */
export function table(headers, rows, attributes = {}) {
  const head = el("tr", {}, ...headers.map(({ text, number }) => el("th", { scope: "col", class: ofNumber(number) }, text)));
  const body = el("tbody", {}, ...rows.map((row) => tableRow(headers, row)));
  return el("table", attributes, el("thead", {}, head), body);
}

const ofNumber = (number) => (number ? "number" : null);

const tableRow = (headers, row) =>
  el("tr", {}, ...row.map((value, place) => {
    const attributes = { class: ofNumber(headers[place].number), scope: place === 0 ? "row" : null };
    return el(place === 0 ? "th" : "td", attributes, value);
  }));

/** Bring a table's body up to date: rows of texts, found again by their first. */
export function fillRows(body, headers, rows) {
  const times = new Map();
  const keyOf = ([first]) => {
    times.set(first, (times.get(first) ?? 0) + 1);
    return `${first}#${times.get(first)}`;
  };
  keyed(body, rows, keyOf, (row) => tableRow(headers, row), (line, row) => {
    row.forEach((value, place) => setText(line.children[place], value));
  });
}

/** What may be wider or longer than the page: scrolls by itself, by keyboard too. */
export const wide = (label, child, tall = false) =>
  el("div", { class: tall ? "wide tall" : "wide", role: "region", "aria-label": label, tabindex: "0" }, child);
