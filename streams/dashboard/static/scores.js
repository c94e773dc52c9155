// What does the evidence say now? One line for each metric: finding, interval on a line, e-values.

import { el, keyed, rebuild, setAttribute, setText, svg } from "./dom.js";
import { badness, claimOf, eventsOf, figures, nameOf, place, rateOf, reached, worstFirst } from "./metrics.js";
import { badge, bar } from "./parts.js";
import { isOpen, keepOpen } from "./fold.js";
import { FINDINGS, amount, count, eValue, reasonWords } from "./words.js";

const HEADERS = ["Metric", "Finding", "Candidate against baseline", "Baseline → candidate", "Evidence of harm", "Evidence of no harm"];
const FEW = 3; // lines on a narrow screen, and those with harm; the style sheet knows it too
const ALL = "metrics"; // the name under which it is kept that all are shown

/** The table of all metrics of one candidate in one segment. */
export class Scores {
  constructor(host) {
    this.body = el("tbody", { role: "rowgroup" });
    const head = HEADERS.map((text) => el("th", { scope: "col", role: "columnheader" }, text));
    this.caption = el("caption", { class: "hidden" }, "What the evidence says of each metric now");
    this.table = el(
      "table",
      { class: "scores", role: "table" },
      this.caption,
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...head)),
      this.body,
    );
    this.empty = el("p", { class: "empty" });
    this.table.hidden = this.empty.hidden = true; // until the first answer
    this.all = isOpen(ALL);
    this.turn = el("button", { class: "button turn", type: "button", onclick: () => this.turned() });
    this.told = 0;
    host.append(el("div", { class: "wide" }, this.table), this.turn, this.empty);
  }

  /** On a narrow screen: all lines, or the worst. */
  turned() {
    this.all = !this.all;
    keepOpen(ALL, this.all);
    this.showTurn();
  }

  showTurn() {
    this.turn.hidden = this.told <= FEW;
    setAttribute(this.turn, "aria-expanded", String(this.all));
    setAttribute(this.table, "data-all", this.all);
    setText(this.turn, this.all ? "Only the worst metrics" : `All ${this.told} metrics`);
  }

  /** Show this evidence; `declared` are the metrics that are to come, `asking`: it is on its way. */
  show(evidence, declared, asking) {
    const some = evidence.length > 0;
    this.told = evidence.length;
    this.showTurn();
    this.table.hidden = !some;
    this.empty.hidden = some;
    const names = declared.map((metric) => metric.name).join(", ");
    setText(this.empty, asking ? "Asking what is known." : `Nothing is known yet. What will be tested: ${names}.`);
    keyed(this.body, worstFirst(evidence), claimOf, () => el("tr", { role: "row" }), (row, each) => {
      setAttribute(row, "data-tone", FINDINGS[each.finding].tone);
      rebuild(row, each, () => cells(each));
    });
  }
}

const cells = (each) => [
  el("th", { scope: "row", role: "rowheader" }, nameOf(each), small(each.role === "signal" ? "signal: holds, never rolls back" : "")),
  cell("finding", 1, badge(FINDINGS[each.finding]), small(reasonWords(each.reason))),
  cell("line", 2, picture(each), small(figures(each))),
  cell("counts", 3, ...counts(each)),
  cell("e", 4, ...weight(each.log_e_harm, each.log_e_harm_threshold, "harm")),
  cell("e", 5, ...weight(each.log_e_safe, each.log_e_safe_threshold, "good")),
];

/** A cell; its header stands in it where there is no room for a header line. */
const cell = (name, header, ...children) =>
  el("td", { class: name, role: "cell", "data-header": HEADERS[header] }, ...children);
const small = (text) => (text ? el("span", { class: "small" }, text) : null);

function counts(each) {
  const arms = ["baseline", each.candidate];
  const seen = arms.map((arm) => count(each.exposures[arm] ?? 0)).join(" and ");
  const rates = arms.map((arm) => rateOf(each, arm));
  if (rates.some((rate) => rate === null)) return [small(`${seen} ${each.counted}`)];
  const told = rates.map((rate) => amount(rate, "share")).join(" → ");
  return [told, small(`${eventsOf(each)}, of ${seen} ${each.counted}`)];
}

function weight(log, threshold, tone) {
  if (log === null || threshold === null) return ["-"];
  const share = reached(log, threshold);
  return [
    el("div", { "data-tone": tone }, bar([{ share, name: "full" }])),
    small(`${share >= 1 ? "reached: " : ""}${eValue(log)} of ${eValue(threshold)}`),
  ];
}

/** The interval on a line on which further right is worse. */
function picture(each) {
  const at = (value) => 100 * place(each, badness(each, value));
  const limit = 100 * place(each, 1);
  const same = 100 * place(each, 0);
  const parts = [
    svg("rect", { class: "ground", x: 0, y: 9, width: limit, height: 12 }),
    svg("rect", { class: "beyond", x: limit, y: 9, width: 100 - limit, height: 12 }),
    svg("line", { class: "same", x1: same, x2: same, y1: 5, y2: 25 }),
    svg("line", { class: "limit", x1: limit, x2: limit, y1: 2, y2: 28 }),
  ];
  const ends = bounds(each).map(at);
  if (ends.length > 0) parts.push(svg("line", { class: "span", x1: Math.min(...ends), x2: Math.max(...ends), y1: 15, y2: 15 }));
  if (each.estimate !== null) parts.push(svg("rect", { class: "point", x: at(each.estimate) - 0.7, y: 8, width: 1.4, height: 14 }));
  return svg("svg", { class: "interval", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" }, ...parts);
}

/** Both ends; one that is not known is far out. Where neither is, there is nothing to draw. */
function bounds({ low, high, unit, limit }) {
  if (!low && high === null) return [];
  const far = unit === "share" ? 1 : 1000 * Math.max(1, limit ?? 1);
  return [low ?? 0, high ?? far];
}
