// Signs beside words: 16 x 16, one stroke. Never without the word.

import { svg } from "./dom.js";

const PATHS = {
  back: "M7 3 3 7l4 4M3 7h6a4 4 0 0 1 0 8H7",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  dot: "M8 7.500v1",
  dots: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  ear: "M2 8h2l2-5 3 10 2-5h3",
  forward: "M3 8h9M8.5 4.5 12 8l-3.5 3.5",
  hourglass: "M4 2.5h8M4 13.5h8M5 2.5c0 4 6 7 6 11M11 2.5c0 4-6 7-6 11",
  info: "M8 7.5v4.5M8 4v.01",
  pause: "M5.5 3.500v9M10.5 3.500v9",
  person: "M8 8a2.7 2.7 0 1 0 0-5.400A2.7 2.7 0 0 0 8 8zM3 14c.6-2.6 2.5-4 5-4s4.4 1.4 5 4",
  play: "M5 3.500v9l7-4.500z",
  question: "M5.5 6a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.600M8 12.800v.01",
  skip: "M3 8h.01M6.5 8h.01M10 8h.01M13.5 8h.01",
  stop: "M5.5 2h5L14 5.500v5L10.5 14h-5L2 10.500v-5zM8 5v3.500M8 11v.01",
  up: "M8 13V3.500M4 7.500l4-4 4 4",
  warning: "M8 2.5 14.5 13.500h-13zM8 6.500v3.500M8 12v.01",
};

/** The sign, hidden from screen readers. */
export function icon(name) {
  return svg("svg", { class: "sign", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}
