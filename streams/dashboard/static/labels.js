// The part "Labels": how mature they are, cohort by cohort.

import { ask, of } from "./api.js";
import { byId, el, keyed, rebuild, setText, svg, table, wide } from "./dom.js";
import { Feed } from "./feed.js";
import { clock, count, day, moment, percent, span } from "./words.js";

const MATURE = 8;
const HEADERS = ["arm", "predictions that await a label", "of them matured", "labelled of those", "coverage"];

export class Labels {
  constructor(page) {
    this.page = page;
    this.feed = new Feed({
      ask: (signal) => ask(of(page.rollout, "/cohorts"), {}, signal),
      show: (told) => this.draw(told),
      failed: (error) => page.shell.trouble("labels", error),
      everyMs: 3000,
    });
  }

  draw({ outcomes }) {
    byId("labels").hidden = byId("jump-labels").hidden = outcomes.length === 0;
    keyed(byId("maturity"), outcomes, ({ outcome }) => outcome, frame, (node, told) => {
      const [, words, arms, strip, details] = node.children;
      setText(words, waits(told));
      rebuild(arms.firstChild, told.arms, () => armTable(told));
      rebuild(strip, told.cohorts, () => picture(told));
      const now = this.page.shell.now();
      rebuild(details.lastChild.firstChild, [told.cohorts, day(now)], () => cohortTable(told, now));
    });
  }
}

const frame = ({ outcome }) =>
  el(
    "div",
    {},
    el("h3", {}, outcome),
    el("p", { class: "soft" }),
    wide(`Labels of ${outcome}`, el("div")),
    el("figure", { class: "chart" }),
    el("details", {}, el("summary", {}, "Cohorts as a table"), wide(`Cohorts of ${outcome}`, el("div"), true)),
  );

const waits = ({ window_s, delivery_s }) =>
  `A label counts within ${span(window_s)} of its prediction${delivery_s > 0 ? `, and may be ${span(delivery_s)} late on its way` : ""}. Verdicts count matured cohorts.`;

const armTable = ({ arms }) =>
  table(
    HEADERS.map((text, n) => ({ text, number: n > 0 })),
    arms.map((each) => [
      each.arm,
      count(each.exposures),
      count(each.matured),
      count(each.labelled),
      each.coverage_pct === null ? "-" : percent(each.coverage_pct),
    ]),
  );

/** A column for each cohort: as high as it is mature, full and green when all of it is. */
function picture({ cohorts }) {
  const mature = cohorts.filter(({ complete }) => complete >= MATURE).length;
  const rects = cohorts.map(({ complete }, n) =>
    svg("rect", {
      x: n + 0.1, width: 0.8, y: MATURE - Math.max(complete, 0.3), height: Math.max(complete, 0.3),
      class: complete >= MATURE ? "mature" : null,
    }),
  );
  const words = `${mature} of ${cohorts.length} cohorts are mature`;
  const box = `0 0 ${Math.max(cohorts.length, 1)} ${MATURE}`;
  return [
    el("figcaption", {}, `Cohorts, oldest first: ${words}`),
    svg("svg", { class: "strip", viewBox: box, preserveAspectRatio: "none", role: "img", "aria-label": words }, ...rects),
  ];
}

const cohortTable = ({ cohorts, arms }, now) =>
  table(
    [{ text: "predictions of" }, { text: "mature", number: true }, ...arms.map(({ arm }) => ({ text: `${arm}, labelled`, number: true }))],
    [...cohorts].reverse().map((each) => [
      `${moment(each.from_s, now)} to ${clock(each.through_s)}`,
      `${Math.round((100 * each.complete) / MATURE)} %`,
      ...arms.map(({ arm }) => `${count(each.labelled[arm] ?? 0)} of ${count(each.exposures[arm] ?? 0)}`),
    ]),
  );
