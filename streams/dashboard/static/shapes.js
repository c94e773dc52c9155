// The part "Distributions": latency, score, classes; all arms overlaid.

import { ask, of } from "./api.js";
import { Chart } from "./chart.js";
import { byId, el, keyed, rebuild, setText, table, wide } from "./dom.js";
import { Feed } from "./feed.js";
import { bar } from "./parts.js";
import { armRole, count, milliseconds, moment, percent } from "./words.js";

const KINDS = { latency: "Latency", score: "Score", confidence: "Confidence", classes: "Classes" };
const WHOLE = "all";
const BARS = 90;
const TAIL = 0.001;
const MOST_CLASSES = 15;

export class Shapes {
  constructor(page) {
    Object.assign(this, { page, kind: null, segment: WHOLE, chart: null, drawn: "", told: null, all: false });
    this.feed = new Feed({
      ask: (signal) => ask(of(page.rollout, "/distributions"), this.question(), signal),
      show: (told) => this.draw(told),
      failed: (error) => page.shell.trouble("distribution", error),
      everyMs: 3000,
    });
    byId("span").addEventListener("change", () => this.feed.anew());
  }

  question() {
    return { kind: this.kind, segment: this.segment, span: this.segment === WHOLE ? byId("span").value : "all" };
  }

  /** Another segment is looked at. */
  picked(segment) {
    this.segment = segment;
    byId("span").disabled = segment !== WHOLE; // of slices what is recent is not known apart
    if (this.kind !== null) this.feed.anew();
  }

  /** There is more traffic. */
  news() {
    if (this.kind !== null) this.feed.poke();
  }

  show({ distributions, summary }) {
    this.arms = Object.keys(summary.candidates);
    byId("shapes").hidden = distributions.length === 0;
    if (distributions.length === 0) return;
    if (!distributions.includes(this.kind)) this.choose(distributions[0]);
    keyed(byId("kinds"), ["", ...distributions], (kind) => kind, (kind) => this.pill(kind), () => {});
  }

  pill(kind) {
    if (kind === "") return el("legend", { class: "hidden" }, "Of what");
    const input = el("input", {
      type: "radio", name: "kind", value: kind, checked: kind === this.kind, onchange: () => this.choose(kind),
    });
    return el("label", {}, input, el("span", {}, KINDS[kind]));
  }

  choose(kind) {
    this.kind = kind;
    this.feed.anew();
  }

  draw(told) {
    const key = JSON.stringify([told.kind, told.segment, told.arms.map(({ arm }) => arm)]);
    const host = byId("shape");
    if (this.drawn !== key) {
      this.chart?.drop();
      this.chart = null;
      const figure = told.kind === "classes" ? this.classFrame() : this.curveFrame(told);
      host.replaceChildren(el("p", { class: "soft" }), figure, el("div"));
      this.drawn = key;
    }
    this.told = told;
    const [over, figure, below] = host.children;
    setText(over, covered(told, this.page.shell.now()));
    if (told.kind === "classes") {
      this.drawClasses(figure);
    } else {
      this.chart.show(shapeColumns(told));
      rebuild(below, told.arms.map(({ quantiles }) => quantiles), () => quantileTable(told));
    }
  }

  curveFrame(told) {
    this.chart = new Chart(shapePlan(told, this.arms));
    return this.chart.element;
  }

  classFrame() {
    const turn = () => {
      this.all = !this.all;
      this.drawClasses(byId("shape").children[1]);
    };
    return el("div", {}, wide("Predicted classes", el("div")), el("button", { class: "button", type: "button", onclick: turn }));
  }

  drawClasses(frame) {
    const { names, arms } = this.told;
    const shown = names.slice(0, this.all ? names.length : MOST_CLASSES);
    const headers = [{ text: "class" }, { text: "share" }, ...arms.map(({ arm }) => ({ text: arm, number: true }))];
    rebuild(frame.firstChild.firstChild, [this.told, this.all], () =>
      table(headers, shown.map((name, n) => classRow(this.told, name, n, this.arms)), { class: "bars" }),
    );
    frame.lastChild.hidden = names.length <= MOST_CLASSES;
    setText(frame.lastChild, this.all ? "Only the largest" : `All ${names.length} classes`);
  }
}

function covered({ from_s, through_s, arms }, now) {
  const counts = arms.map(({ arm, count: of_all }) => `${arm} ${count(of_all)}`).join(", ");
  const when = from_s === null ? "" : `From ${moment(from_s, now)} to ${moment(through_s, now)}: `;
  return `${when}${counts}. Shares of each arm, so that arms of different size compare.`;
}

function classRow({ arms }, name, n, candidates) {
  const values = arms.map((arm) => (arm.count ? arm.counts[n] / arm.count : 0));
  const bars = values.map((share, place) => bar([{ share, name: `fill-${armRole(arms[place].arm, candidates)}` }]));
  return [name, el("div", { class: "bar-cell" }, ...bars), ...values.map((share) => percent(100 * share))];
}

const quantileTable = ({ arms }) =>
  arms.some(({ quantiles }) => quantiles !== null)
    ? table(
        [{ text: "latency" }, ...["p50", "p95", "p99"].map((text) => ({ text, number: true }))],
        arms.map(({ arm, quantiles }) => [arm, ...["p50", "p95", "p99"].map((name) => (quantiles ? milliseconds(quantiles[name]) : "-"))]),
      )
    : [];

/** Shares by bin; latency on a logarithmic line. */
function shapePlan({ kind, arms }, candidates) {
  const latency = kind === "latency";
  const format = (value) => (latency ? milliseconds(10 ** value) : String(Number(value.toFixed(3))));
  return {
    title: `${KINDS[kind]}: share of each arm's answers`,
    lines: arms.map(({ arm }) => ({
      label: arm, role: armRole(arm, candidates), stepped: true, fill: 0.16, dash: arm === "baseline" ? [10, 3] : undefined,
    })),
    x: latency ? { format, splits: (_, __, low, high) => decades(low, high) } : { format },
    y: { format: percent, range: ([, ...columns]) => [0, 1.08 * Math.max(0.1, ...columns.flat())] },
    headers: [{ text: latency ? "from" : kind }, ...arms.map(({ arm }) => ({ text: arm, number: true }))],
    rows: ([at, ...columns], from, to) =>
      at.slice(from, to).map((value, n) => [format(value), ...columns.map((column) => percent(column[from + n]))]),
    words: ([at, ...columns]) =>
      at.length ? arms.map(({ arm }, n) => `${arm} mostly at ${format(at[columns[n].indexOf(Math.max(...columns[n]))])}`).join(", ") : "No data yet.",
  };
}

/** Round numbers of every power of ten, as logarithms. */
function decades(low, high) {
  const steps = high - low > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  const found = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    found.push(...steps.map((step) => power + Math.log10(step)));
  }
  return found.filter((at) => at >= low && at <= high);
}

/** Bins without the empty tails, put together to at most so many; shares in percent. */
function shapeColumns({ kind, edges, arms }) {
  const all = edges.slice(1).map((_, n) => arms.reduce((sum, arm) => sum + arm.counts[n], 0));
  const [first, end] = kind === "latency" ? body(all) : [0, all.length];
  const step = Math.max(1, Math.ceil((end - first) / BARS));
  const starts = [];
  for (let n = first; n < end; n += step) starts.push(n);
  const place = (n) => (kind === "latency" ? Math.log10(Math.max(edges[n], 0.01)) : edges[n]);
  const share = ({ counts, count: of_all }, n) =>
    of_all ? (100 * counts.slice(n, Math.min(n + step, end)).reduce((sum, value) => sum + value, 0)) / of_all : 0;
  if (starts.length === 0) return [[], ...arms.map(() => [])];
  return [[...starts, end].map(place), ...arms.map((arm) => [...starts.map((n) => share(arm, n)), 0])];
}

function body(counts) {
  const total = counts.reduce((sum, value) => sum + value, 0);
  let [first, end, left] = [0, counts.length, TAIL * total];
  while (first < end && (left -= counts[first]) >= 0) first += 1;
  left = TAIL * total;
  while (end > first && (left -= counts[end - 1]) >= 0) end -= 1;
  return [first, end];
}
