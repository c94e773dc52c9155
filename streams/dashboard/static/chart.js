// How is a series drawn? uPlot on a canvas, updated in place, with its legend and its table.

import { colour, onScheme } from "./colours.js";
import { el, fillRows, svg, table, wide } from "./dom.js";
import { inFrame } from "./frame.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";
import { clock, day, moment } from "./words.js";

const FONT = "12px system-ui, sans-serif";
const EDGE_PX = 32; // half a label of time: the last one stands at the end of the axis
const DAY_S = 86400;
const MOST_ROWS = 600;
const STEPS_S = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

const charts = new Map(); // plot -> its chart, as long as it is on the page
const seen = new IntersectionObserver(
  (entries) => entries.forEach((entry) => charts.get(entry.target)?.inView(entry.isIntersecting)),
  { rootMargin: "300px" },
);
const sized = new ResizeObserver((entries) => entries.forEach((entry) => charts.get(entry.target)?.fit()));
onScheme(() => charts.forEach((chart) => chart.recolour()));

/** Time along the bottom, as people read it. */
export const TIME = {
  time: true,
  incrs: STEPS_S,
  format: (at) => moment(at, Date.now() / 1000),
  values: (_, splits, __, ___, step) => splits.map((at) => (isMidnight(at, step) ? day(at).slice(5) : clock(at, step < 60))),
};

const isMidnight = (at, step) => step >= DAY_S || (step >= 60 && clock(at, false) === "00:00");

/**
 * A chart: `element` goes on the page, `show(columns)` draws.
 *
 * plan: title; lines: [{ label, role, dash, width, stepped, fill, hollow }], hollow ones only bound
 * a band; bands: [{ series: [upper, lower], role, label }] by place from 1; x: TIME or { format,
 * splits }; y: { format, range(columns) -> [low, high], incrs }; low: not so high; onView(): it has
 * come into sight; words(columns) -> what a screen reader says; headers: [{ text, number }], the
 * first of x; rows(columns, from, to) -> texts, the first of x.
 */
export class Chart {
  constructor(plan) {
    this.plan = plan;
    this.columns = null;
    this.plot = null;
    this.view = false;
    this.rows = null; // of its table, once somebody opened it
    this.host = el("div", { class: plan.low ? "plot low" : "plot", role: "img", "aria-label": plan.title });
    this.readout = el("p", { class: "readout", "aria-hidden": "true" });
    this.details = el("details", { ontoggle: () => this.tabulate() }, el("summary", {}, "As a table"), el("div"));
    this.element = el(
      "figure",
      { class: "chart" },
      el("figcaption", {}, plan.title),
      legend(plan),
      this.host,
      this.readout,
      this.details,
    );
    charts.set(this.host, this);
    seen.observe(this.host);
    sized.observe(this.host);
  }

  /** Draw other columns: [x, y, y ...] of equal length. */
  show(columns) {
    this.columns = columns;
    this.host.setAttribute("aria-label", `${this.plan.title}. ${this.plan.words(columns)}`);
    this.draw();
    this.tabulate();
  }

  /** Take it off the page. */
  drop() {
    seen.unobserve(this.host);
    sized.unobserve(this.host);
    charts.delete(this.host);
    this.plot?.destroy();
    this.plot = null;
    this.element.remove();
  }

  inView(view) {
    this.view = view;
    if (!view) return;
    this.plan.onView?.();
    this.draw();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (this.plot === null) this.draw();
    else if (width > 0) inFrame(this.host, () => this.plot?.setSize({ width, height }));
  }

  recolour() {
    this.plot?.destroy();
    this.plot = null;
    this.draw();
  }

  draw() {
    if (!this.view || this.columns === null || this.host.clientWidth === 0) return;
    inFrame(this, () => {
      const some = this.columns[0].length > 0;
      if (some && this.plot !== null) this.plot.setData(this.drawn());
      else if (some) this.create();
      else this.clear();
    });
  }

  create() {
    this.host.replaceChildren();
    this.plot = new uPlot(this.options(), this.drawn(), this.host);
  }

  clear() {
    this.plot?.destroy();
    this.plot = null;
    this.host.replaceChildren(el("p", { class: "none" }, "Nothing to draw yet"));
  }

  range() {
    return this.plan.y.range(this.columns);
  }

  /** The columns that have lines; values far outside are cut, for a canvas draws nothing sensible there. */
  drawn() {
    const [low, high] = this.range();
    const room = high - low;
    const cut = (value) =>
      value === null || value === undefined ? value : Math.min(high + room, Math.max(low - room, value));
    const [x, ...ys] = this.columns.slice(0, 1 + this.plan.lines.length);
    return [x, ...ys.map((column) => column.map(cut))];
  }

  options() {
    const { plan, host } = this;
    return {
      width: host.clientWidth,
      height: host.clientHeight,
      padding: [null, EDGE_PX, null, null],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 7 } },
      scales: {
        x: { time: Boolean(plan.x.time), range: (_, low, high) => apart(low, high) },
        y: { range: () => this.range() },
      },
      axes: [axis({ size: 26, space: 84, ...picked(plan.x) }), axis({ size: 58, space: 28, ...picked(plan.y) })],
      series: [{}, ...plan.lines.map(line)],
      bands: (plan.bands ?? []).map(({ series, role }) => ({ series, fill: colour(role, 0.18) })),
      hooks: { setCursor: [(plot) => this.read(plot.cursor.idx)] },
    };
  }

  read(place) {
    const known = place !== null && place !== undefined && this.columns !== null && place < this.columns[0].length;
    this.readout.textContent = known ? this.told(place) : "";
  }

  told(place) {
    const { headers, rows } = this.plan;
    const [at, ...values] = rows(this.columns, place, place + 1)[0];
    return [at, ...values.map((value, n) => `${headers[n + 1].text} ${value}`)].join(" · ");
  }

  tabulate() {
    if (!this.details.open || this.columns === null) return;
    const length = this.columns[0].length;
    const rows = this.plan.rows(this.columns, Math.max(0, length - MOST_ROWS), length);
    if (this.plan.x.time) rows.reverse();
    if (this.rows === null) {
      const made = table(this.plan.headers, []);
      this.rows = made.tBodies[0];
      this.details.lastChild.append(wide(this.plan.title, made, true));
    }
    fillRows(this.rows, this.plan.headers, rows);
  }
}

const picked = ({ values, splits, incrs, format }) => {
  const own = { values: values ?? ((_, places) => places.map(format)) };
  if (splits) own.splits = splits;
  if (incrs) own.incrs = incrs;
  return own;
};

const axis = (own) => ({
  stroke: colour("soft"),
  font: FONT,
  gap: 5,
  grid: { stroke: colour("rule"), width: 1 },
  ticks: { show: false },
  ...own,
});

const line = ({ label, role, dash, width = 2, stepped, fill, hollow }) => ({
  label,
  width: hollow ? 0 : width,
  stroke: hollow ? "transparent" : colour(role),
  fill: fill ? colour(role, fill) : undefined,
  dash,
  paths: stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
  points: { show: (_, __, first, last) => !hollow && last - first < 2, size: 7 },
});

const apart = (low, high) => (low === high ? [low - 30, high + 30] : [low, high]);

function legend({ lines, bands = [] }) {
  const shown = [...lines.filter((each) => !each.hollow), ...bands.map((band) => ({ ...band, width: 8, pale: true }))];
  return el("ul", { class: "legend" }, ...shown.map((each) => el("li", {}, swatch(each), each.label)));
}

const swatch = ({ role, dash, width = 2, pale = false }) =>
  svg(
    "svg",
    { viewBox: "0 0 28 10", "aria-hidden": "true" },
    svg("line", {
      x1: 0, x2: 28, y1: 5, y2: 5, class: `stroke-${role}`,
      "stroke-width": width + 0.5, "stroke-dasharray": dash?.join(" "), "stroke-opacity": pale ? 0.3 : null,
    }),
  );
