// One rollout's page: asks when there is news, and hands what comes to the parts.

import { ask, of } from "./api.js";
import { byId, setText } from "./dom.js";
import { Evidence } from "./evidence.js";
import { Feed, STALE_MS } from "./feed.js";
import { foldParts } from "./fold.js";
import { Health } from "./health.js";
import { Labels } from "./labels.js";
import { Orders } from "./order.js";
import { Plan } from "./plan.js";
import { Shapes } from "./shapes.js";
import { Shell } from "./shell.js";
import { Timeline } from "./timeline.js";
import { Trail } from "./trail.js";
import { Verdict } from "./verdict.js";

const rollout = byId("rollout").dataset.rollout;
foldParts();
const page = { rollout, shell: null, picked: (segment) => [plan, shapes].forEach((part) => part.picked(segment)) };
const view = new Feed({
  ask: (signal) => ask(of(rollout), {}, signal),
  show: (told) => [verdict, orders, plan, evidence, shapes, health].forEach((part) => part.show(told)),
  failed: (error) => {
    page.shell.trouble("rollout", error);
    if (error !== null) verdict.missing(error);
  },
  staleMs: STALE_MS,
});
page.shell = new Shell({ rollout, news, afresh });
const verdict = new Verdict(page);
const orders = new Orders(page);
const plan = new Plan(page);
const evidence = new Evidence(page);
const shapes = new Shapes(page);
const labels = new Labels(page);
const health = new Health(page);
const timeline = new Timeline(page);
const trail = new Trail(page);

/** What is asked again where a part of the rollout has changed. */
const HEARS = {
  spec: [trail.feed],
  decision: [timeline.feed, trail.feed, plan.feed],
  routing: [trail.feed, plan.feed],
  command: [trail.feed],
  lease: [],
  panes: [plan.feed, shapes],
  cohorts: [labels.feed],
};

function news({ rollout: of_whom, parts }) {
  if (of_whom !== rollout) return;
  view.poke();
  for (const part of parts) for (const hears of HEARS[part] ?? []) (hears.poke ?? hears.news).call(hears);
}

function afresh() {
  for (const feed of [view, plan.feed, labels.feed, timeline.feed, trail.feed]) feed.poke();
  shapes.news();
}

byId("spec-details").addEventListener("toggle", async () => {
  try {
    const { spec, spec_hash } = await ask(of(rollout, "/spec"));
    setText(byId("spec-text"), `${JSON.stringify(spec, null, 2)}\n\nHash: ${spec_hash}`);
  } catch (error) {
    setText(byId("spec-text"), error.message);
  }
});

afresh();
