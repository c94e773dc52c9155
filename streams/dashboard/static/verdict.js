// The head of the page: what was decided, and why, in one sentence.

import { byId, el, rebuild, setAttribute, setText } from "./dom.js";
import { inFrame } from "./frame.js";
import { icon } from "./icons.js";
import { ago, badge } from "./parts.js";
import { STATES, headline, moment } from "./words.js";

export class Verdict {
  constructor(page) {
    this.page = page;
    this.said = null;
    this.view = null;
    setInterval(() => this.view && inFrame(this, () => this.subject(this.view)), 5000);
  }

  show(view) {
    const { summary } = view;
    this.view = view;
    const state = STATES[summary.state];
    const [word, rest] = headline(summary, view.sentence || summary.reason);
    setAttribute(byId("verdict"), "data-tone", state.tone);
    rebuild(byId("sign"), state.sign, () => icon(state.sign));
    rebuild(byId("state"), state.word, () => badge(state));
    const [what, proof] = apart(rest, view.evidence);
    rebuild(byId("sentence"), [word, rest], () => [
      el("span", { class: "word" }, word),
      what,
      proof ? el("span", { class: "proof" }, proof) : null,
    ]);
    this.subject(view);
    this.warn(view);
    document.title = `${state.word}: ${summary.rollout} - davy`;
    const turn = `${summary.state} ${summary.action} ${summary.reason_code} ${summary.stage}`;
    if (this.said !== null && this.said !== turn) this.page.shell.say(`New: ${word}${rest}`);
    this.said = turn;
  }

  /** There is no such rollout, or nothing can be said of it yet. */
  missing(error) {
    if (this.view === null) setText(byId("sentence"), error.message);
  }

  /** Whom it is about, and since when that holds; the age grows. */
  subject({ summary, decision, router, dry_run }) {
    const now = this.page.shell.now();
    const versions = Object.values(summary.candidates).join(", ");
    const decided = decision === null ? [] : [` Decision ${decision}, `, ago(summary.decided_at_s ?? now, now), "."];
    const how = dry_run ? `${router} only looks (dry run)` : `traffic is moved by ${router}`;
    byId("subject").replaceChildren(
      el("b", {}, summary.service), `, from ${summary.baseline} to ${versions}; ${how}.`, ...decided,
    );
  }

  warn(view) {
    const { shell } = this.page;
    const { pause, refused, dry_run, summary } = view;
    const until = pause === null || pause.until_s === null ? "somebody resumes it" : moment(pause.until_s, shell.now());
    shell.notice("refused", "harm", refused && `The newest decision is not believed: ${refused}.`);
    shell.notice("pause", "warn", pause && `${pause.actor || "Somebody"} has paused it until ${until}.`);
    shell.notice("dry", "info", dry_run && "A dry run: davy says what it would do and moves no traffic.");
    shell.notice("shadow", "info", summary.mode === "shadow" && "Shadow mode: the candidate gets copies of requests, and its answers go to nobody.");
    shell.notice("given up", "warn", !view.remembered && "More rollouts are watched than can be remembered: the course of this one is not whole here. davy report tells it.");
  }
}

/** What is done and why, and the evidence that stands in brackets behind it, if any. */
function apart(sentence, evidence) {
  const found = evidence.find((each) => sentence.includes(` (${each.sentence})`));
  if (found === undefined) return [sentence, ""];
  const proof = `${found.sentence[0].toUpperCase()}${found.sentence.slice(1)}.`;
  const what = sentence.replace(` (${found.sentence})`, "");
  return [what, found.finding === "harm" ? proof : `Nearest to harm: ${found.sentence}.`];
}
