// The part "Evidence": of which segment and candidate, what it says now, how it came, and all segments.

import { ask, of } from "./api.js";
import { byId, el, keyed, rebuild, setText, table, wide } from "./dom.js";
import { Feed } from "./feed.js";
import { badge } from "./parts.js";
import { Scores } from "./scores.js";
import { Series } from "./series.js";
import { FINDINGS, count, shares } from "./words.js";

const WHOLE = "all";
const HEADERS = ["Segment", "Worst", "Requests", "Failed", "Wanted", "Harm"];

export class Evidence {
  constructor(page) {
    this.page = page;
    this.view = null;
    this.ofSlices = null; // all evidence of one decision, where a slice is picked
    this.scores = new Scores(byId("scores"));
    this.series = new Series(byId("series"), page);
    this.seen = null; // the decision that was shown last
    this.full = new Feed({
      ask: (signal) => ask(of(page.rollout, `/decisions/${this.view.decision}`), {}, signal),
      show: (told) => {
        this.ofSlices = told.evidence;
        this.draw(true);
      },
      // A decision that restated is not kept once the next one is there: that one is asked then.
      failed: (error) => error?.code === "unknown_decision" || page.shell.trouble("decision", error),
      everyMs: 2000,
    });
    const made = table(HEADERS.map((text) => ({ text })), []);
    this.slices = made.tBodies[0];
    this.legend = el("p", { class: "soft" });
    byId("segments").append(this.legend, wide("All segments", made));
    byId("segment").addEventListener("change", () => this.pick());
    byId("candidate").addEventListener("change", () => this.draw(false));
  }

  /** The segment that is picked. */
  get segment() {
    return byId("segment").value || WHOLE;
  }

  show(view) {
    const news = view.decision !== this.seen;
    this.view = view;
    this.seen = view.decision;
    this.choose(view);
    if (this.segment !== WHOLE && view.decision !== null && news) this.full.poke();
    this.draw(news);
  }

  choose({ segments, summary }) {
    const arms = Object.keys(summary.candidates);
    byId("segment-label").hidden = segments.length < 2;
    byId("candidate-label").hidden = arms.length < 2;
    options(byId("segment"), segments.length ? segments.map(({ segment }) => segment) : [WHOLE]);
    options(byId("candidate"), arms);
    byId("slices").hidden = segments.length < 2;
    if (segments.length > 1) this.tell(segments, arms);
  }

  pick() {
    this.ofSlices = null;
    this.full.stop();
    if (this.segment !== WHOLE && this.view !== null && this.view.decision !== null) this.full.anew();
    this.draw(true);
    this.page.picked(this.segment);
  }

  draw(news) {
    if (this.view === null) return;
    const all = this.segment === WHOLE ? this.view.evidence : (this.ofSlices ?? this.view.evidence);
    const candidate = byId("candidate").value;
    const whole = this.segment === WHOLE; // with those slices that have harm
    const picked = all.filter((each) => (whole || each.segment === this.segment) && each.candidate === candidate);
    const asking = !whole && this.ofSlices === null && this.view.decision !== null;
    this.scores.show(picked, this.view.declared, asking);
    this.series.show(picked, Object.keys(this.view.summary.candidates), news);
  }

  /** The table of all segments. */
  tell(segments, arms) {
    const known = (counts) => ["baseline", ...arms].map((arm) => count(counts[arm] ?? 0)).join(", ");
    keyed(this.slices, segments, ({ segment }) => segment, (each) => this.line(each.segment), (row, each) => {
      const [, worst, requests, failed, wanted, harm] = row.children;
      rebuild(worst, each.worst, () => (each.worst === null ? "-" : badge(FINDINGS[each.worst])));
      setText(requests, known(each.exposures));
      setText(failed, known(each.errors));
      setText(wanted, `${shares(each.wanted_pct, arms)}${each.dropped ? ", went back alone" : ""}`);
      setText(harm, each.harmed.join(", ") || "-");
    });
    setText(this.legend, `Requests and failures of baseline, ${arms.join(", ")}.`);
  }

  line(segment) {
    const button = el("button", { class: "button", type: "button", onclick: () => this.jump(segment) }, segment);
    const cells = HEADERS.slice(1).map(() => el("td"));
    return el("tr", {}, el("th", { scope: "row" }, button), ...cells);
  }

  jump(segment) {
    byId("segment").value = segment;
    this.pick();
    byId("segment").focus();
  }
}

/** Options of a select by their texts; what was chosen stays chosen. */
function options(select, texts) {
  keyed(select, texts, (text) => text, (text) => el("option", { value: text }), setText);
}
