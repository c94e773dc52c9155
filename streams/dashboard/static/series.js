// How did the evidence come about? A card of charts for each metric, asked for when it is in sight.

import { ask, of } from "./api.js";
import { Chart } from "./chart.js";
import { el, keyed, rebuild, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { claimOf, nameOf, worstFirst } from "./metrics.js";
import { badge } from "./parts.js";
import {
  differenceColumns,
  differencePlan,
  evidenceColumns,
  evidencePlan,
  rateColumns,
  ratePlan,
} from "./series_plans.js";
import { FINDINGS } from "./words.js";

const EVERY_MS = 2000;

/** The cards of all metrics of one candidate in one segment. */
export class Series {
  constructor(host, page) {
    Object.assign(this, { host, page, cards: new Map() });
  }

  /** Show these metrics; cards of others go. `news`: there is a new decision. */
  show(evidence, arms, news) {
    const shown = worstFirst(evidence);
    const keys = new Set(shown.map(claimOf));
    for (const [key, card] of this.cards) {
      if (keys.has(key)) continue;
      card.drop();
      this.cards.delete(key);
    }
    keyed(this.host, shown, claimOf, (each) => this.made(each, arms).element, (_, each) => {
      this.cards.get(claimOf(each)).show(each, news);
    });
  }

  made(each, arms) {
    const card = new Card(each, arms, this.page);
    this.cards.set(claimOf(each), card);
    return card;
  }
}

class Card {
  constructor(each, arms, page) {
    Object.assign(this, { each, stale: true, inSight: false });
    const sight = () => this.sighted();
    const rates = ratePlan(each, arms, sight);
    this.difference = new Chart(differencePlan(each, arms, sight));
    this.evidence = new Chart(evidencePlan(each, sight));
    this.rates = rates && new Chart(rates);
    this.charts = [this.difference, this.evidence, this.rates].filter((chart) => chart !== null);
    this.mark = el("span");
    this.sentence = el("p", { class: "soft" });
    const title = el("h4", {}, nameOf(each), this.mark, el("span", { class: "soft" }, each.role));
    this.untold = el("p", { class: "soft" }, "Its course is not remembered: there are too many slices.");
    const charts = this.charts.map((chart) => chart.element);
    this.element = el("section", { class: "card", "aria-label": nameOf(each) }, title, this.sentence, this.untold, ...charts);
    const { metric, candidate, segment } = each;
    this.feed = new Feed({
      ask: (signal) => ask(of(page.rollout, "/evidence"), { metric, candidate, segment }, signal),
      show: (told) => this.draw(told),
      failed: (error) => page.shell.trouble(`evidence ${claimOf(each)}`, error),
      everyMs: EVERY_MS,
    });
  }

  show(each, news) {
    this.each = each;
    rebuild(this.mark, each.finding, () => badge(FINDINGS[each.finding]));
    setText(this.sentence, each.sentence);
    this.untold.hidden = each.series;
    for (const chart of this.charts) chart.element.hidden = !each.series;
    if (news) this.stale = true;
    if (this.charts.some((chart) => chart.view)) this.sighted();
  }

  sighted() {
    if (!this.stale || !this.each.series) return;
    this.stale = false;
    this.feed.poke();
  }

  draw(told) {
    this.difference.show(differenceColumns(told));
    this.evidence.show(evidenceColumns(told));
    this.rates?.show(rateColumns(told, this.each));
  }

  drop() {
    this.feed.stop();
    for (const chart of this.charts) chart.drop();
    this.element.remove();
  }
}
