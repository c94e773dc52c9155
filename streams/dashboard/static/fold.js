// What is folded away where there is little room? Secondary parts, each behind its heading; a wide screen shows all.

import { el, setAttribute, setText } from "./dom.js";

const NARROW = matchMedia("(max-width: 760px)");
const OPEN = "davy-open"; // what is open, as long as the visit lasts

/** Fold every part that the template marks with `data-fold`, where and as long as the screen is narrow. */
export function foldParts() {
  const folds = [...document.querySelectorAll("[data-fold]")].map((part) => new Fold(part));
  const fit = () => folds.forEach((fold) => (NARROW.matches ? fold.close() : fold.undo()));
  NARROW.addEventListener("change", fit);
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => event.target.closest("a[href^='#']") && reveal(event));
  fit();
  reveal();
}

/** What a part says in short beside its heading while it is folded away. */
export function tellFolded(name, text, tone = "quiet") {
  const part = document.querySelector(`[data-fold="${name}"]`);
  Object.assign(part.dataset, { gist: text, gistTone: tone });
  const gist = part.querySelector(":scope > details > summary > .gist");
  if (gist !== null) showGist(gist, part);
}

function showGist(gist, part) {
  setText(gist, part.dataset.gist ?? "");
  setAttribute(gist, "data-tone", part.dataset.gistTone ?? "quiet");
}

/** Whether a part was opened in this visit. */
export const isOpen = (name) => opened().has(name);

/** Keep whether a part is open, as long as the visit lasts. */
export function keepOpen(name, open) {
  const names = opened();
  if (open) names.add(name);
  else names.delete(name);
  try {
    sessionStorage.setItem(OPEN, JSON.stringify([...names]));
  } catch {
    // Storage is switched off: the next page has its parts as the template has them.
  }
}

function opened() {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(OPEN) ?? "[]"));
  } catch {
    return new Set();
  }
}

class Fold {
  constructor(part) {
    this.part = part;
    this.details = null;
    this.heading = part.querySelector("h2, h3");
    this.home = this.heading?.parentElement ?? null;
  }

  /** Put what is in the part behind its heading. */
  close() {
    if (this.details !== null) return;
    const name = this.part.dataset.fold;
    const gist = el("span", { class: "gist" });
    showGist(gist, this.part);
    const summary = el("summary", {}, this.heading ?? this.part.dataset.title, " ", gist);
    const details = el("details", { class: "fold", open: isOpen(name) }, summary, ...this.part.childNodes);
    // Kept before anybody sees it: the event `toggle` comes later, to a visitor who reloads at once too late.
    const keep = new MutationObserver(() => this.details === details && keepOpen(name, details.open));
    keep.observe(details, { attributeFilter: ["open"] });
    this.part.append(details);
    this.details = details;
  }

  /** Show all of it, as it stands in the template. */
  undo() {
    if (this.details === null) return;
    const details = this.details;
    this.details = null; // what it does from now on is nobody's wish
    details.replaceWith(...[...details.childNodes].slice(1));
    this.home?.prepend(this.heading);
  }
}

/** Open what a link on this page leads to. */
function reveal(event) {
  const hash = event?.target?.closest?.("a[href^='#']")?.hash ?? location.hash;
  const wanted = hash ? document.getElementById(hash.slice(1)) : null;
  const details = wanted?.querySelector(":scope > details.fold");
  if (details) details.open = true;
}
