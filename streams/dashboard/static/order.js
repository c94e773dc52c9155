// What may a person ask, and why does he? Buttons, and the dialog that wants a reason.

import { command, whoAsks } from "./api.js";
import { byId, el, keyed, setText } from "./dom.js";
import { icon } from "./icons.js";
import { percent } from "./words.js";

const NAME = "davy-name";
const COMMANDS = {
  approve: { word: "Approve", sign: "check", tone: "good" },
  resume: { word: "Resume", sign: "play" },
  pause: { word: "Pause", sign: "pause" },
  promote: { word: "Promote", sign: "up", tone: "good" },
  abort: { word: "Abort", sign: "stop", tone: "harm" },
};
const MEANS = {
  resume: "The judge goes on from here. A check that had failed counts as mended, and the stage begins afresh.",
  pause: "Nothing is raised until somebody resumes it, or the time is over. Harm still rolls back.",
  promote: "All traffic goes to the candidate, although not everything is shown yet. Where harm is shown, davy refuses.",
  abort: "All traffic goes back to the baseline at once, and the rollout ends. That cannot be taken back.",
};

export class Orders {
  constructor(page) {
    Object.assign(this, { page, view: null, asked: null, session: null });
    this.dialog = byId("order");
    this.form = byId("order-form");
    this.host = byId("orders");
    byId("order-cancel").addEventListener("click", () => this.dialog.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    whoAsks().then((session) => this.known(session), () => {}); // the shell tells of it
  }

  known(session) {
    this.session = session;
    if (this.view) this.show(this.view);
  }

  show(view) {
    this.view = view;
    if (this.session === null) return;
    const may = this.session.may_command ? Object.keys(COMMANDS).filter((name) => this.offers(name)) : [];
    const looks = !this.session.may_command && view.commands.length > 0;
    keyed(this.host, looks ? ["looks"] : may, (name) => name, (name) => this.made(name), () => {});
  }

  /** What the server would take; `resume` only where something stands still. */
  offers(name) {
    const { commands, summary } = this.view;
    const still = summary.state !== "running" || summary.healthy === false;
    return commands.includes(name) && (name !== "resume" || still);
  }

  made(name) {
    if (name === "looks") return el("p", { class: "soft" }, "This server only shows. Use davy rollout at the prompt.");
    const { word, sign, tone } = COMMANDS[name];
    const onclick = () => this.ask(name);
    return el("button", { type: "button", class: "button", "data-tone": tone, "data-command": name, onclick }, icon(sign), word);
  }

  ask(name) {
    const { word, tone } = COMMANDS[name];
    this.asked = name;
    this.stage = this.next(); // what is read is what is sent, whatever begins meanwhile
    this.form.reset();
    const send = byId("order-send");
    send.className = "button strong";
    send.dataset.tone = tone ?? "info";
    setText(send, word);
    setText(byId("order-title"), `${word} ${this.page.rollout}?`);
    setText(byId("order-means"), this.means(name));
    byId("order-for").hidden = name !== "pause";
    this.trouble("");
    this.signs();
    this.dialog.showModal();
    (this.session.actor === null && !this.form.actor.value ? this.form.actor : this.form.reason).focus();
  }

  means(name) {
    if (name !== "approve") return MEANS[name];
    const stage = this.view.stages[this.stage];
    const share = stage ? ` with ${percent(stage.weight_pct)}` : "";
    return `Stage ${this.stage}${share} may begin as soon as the evidence allows it.`;
  }

  /** Index of the first stage that waits for a person. */
  next() {
    const now = this.view.summary.stage ?? -1;
    return this.view.stages.findIndex(({ index, approval }) => approval && index > now);
  }

  /** Who is logged in signs; else a name is needed. */
  signs() {
    const { actor } = this.session;
    byId("order-actor").hidden = actor !== null;
    this.form.actor.required = actor === null;
    byId("order-signed").hidden = actor === null;
    setText(byId("order-signed"), actor === null ? "" : `You are ${actor}.`);
    if (actor === null) this.form.actor.value = remembered();
  }

  async send() {
    const { actor, reason, for_s } = this.form;
    const wanted = { command: this.asked, reason: reason.value.trim() };
    if (this.session.actor === null) wanted.actor = remember(actor.value.trim());
    if (this.asked === "approve") wanted.stage = this.stage;
    if (this.asked === "pause" && for_s.value) wanted.for_s = Number(for_s.value);
    byId("order-send").disabled = true;
    try {
      const sent = await command(this.page.rollout, wanted);
      this.dialog.close();
      const text = `${COMMANDS[sent.command].word} is written to the log (${sent.where}). What comes of it shows as a decision.`;
      this.page.shell.notice("order", "info", text);
      setTimeout(() => this.page.shell.notice("order", "info", ""), 15000);
    } catch (error) {
      this.trouble(error.message);
    } finally {
      byId("order-send").disabled = false;
    }
  }

  trouble(text) {
    const told = byId("order-trouble");
    told.hidden = !text;
    setText(told, text);
  }
}

function remembered() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // Storage is switched off: the name is asked for again.
  }
  return name;
}
