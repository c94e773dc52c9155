// Which colours has a canvas? Those of the style sheet, in the scheme that holds now.

const probe = document.createElement("span");
probe.className = "hidden";
probe.setAttribute("aria-hidden", "true");

const NAMES = {
  baseline: "--arm-baseline",
  harm: "--harm",
  good: "--good",
  soft: "--soft",
  rule: "--rule",
};
let known = new Map();

/** The colour of a role: `baseline`, `arm-0`, `harm`, `good`, `soft`, `rule`; `alpha` 0 to 1. */
export function colour(role, alpha = 1) {
  if (!known.has(role)) known.set(role, resolved(NAMES[role] ?? `--${role}`));
  const [red, green, blue] = known.get(role);
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

function resolved(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`; // computed, for a property of one's own tells its text alone
  return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
}

/** Call when the scheme has changed, by the system or by choice. */
export function onScheme(changed) {
  const anew = () => {
    known = new Map();
    changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
  document.addEventListener("davy-theme", anew);
}
