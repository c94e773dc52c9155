// Which small parts does the page show again and again? A word with its sign, a bar, a time.

import { el, rebuild, svg } from "./dom.js";
import { icon } from "./icons.js";
import { moment, span } from "./words.js";

/** A word with its sign and tone: one of STATES, FINDINGS, ACTIONS. */
export const badge = ({ word, sign, tone }) =>
  el("span", { class: "badge", "data-tone": tone }, icon(sign), word);

/** The badge in a node that stays. */
export const showBadge = (node, told) => rebuild(node, told.word, () => badge(told));

/**
 * A bar of parts of a whole, and a mark; all shares 0 to 1. What it says must stand beside it as text.
 * `parts` are [{ share, name }], name a class of its colour.
 */
export function bar(parts, mark = null) {
  let from = 0;
  const full = parts.map(({ share, name }) => {
    const width = 100 * Math.min(Math.max(share, 0), 1 - from);
    const rect = svg("rect", { x: 100 * from, y: 0, width, height: 10, class: name });
    from += width / 100;
    return rect;
  });
  return svg(
    "svg",
    { class: "meter", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { x: 0, y: 0, width: 100, height: 10, class: "track" }),
    ...full,
    mark === null ? null : svg("line", { x1: 100 * mark, x2: 100 * mark, y1: -3, y2: 13, class: "mark" }),
  );
}

/** A moment: `14:03:22`, for machines in full. */
export const time = (at, now) => {
  const date = new Date(1000 * at); // what a stranger wrote may be no time at all
  return el("time", { datetime: Number.isNaN(date.getTime()) ? null : date.toISOString() }, moment(at, now));
};

/** The same with how long ago that is. */
export const ago = (at, now) => el("span", {}, time(at, now), ` (${span(now - at)} ago)`);
