// What does the server say? The JSON API, below /api/v1.

const BASE = "/api/v1";
const TOKEN = "X-Davy-Token";

/** The server refused, or did not answer; `message` is for a person. */
export class Trouble extends Error {
  constructor(status, told) {
    const reason = told.reason || "the server gave no reason";
    super(`${reason[0].toUpperCase()}${reason.slice(1)}${told.advice ? `; ${told.advice}` : ""}.`);
    this.status = status; // 0 where the server was not reached
    this.code = told.code ?? "";
  }
}

/** The JSON at a path; query parameters that are null are left out. */
export function ask(path, query = {}, signal = undefined) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const question = new URLSearchParams(given).toString();
  return answer(`${BASE}${path}${question ? `?${question}` : ""}`, { signal });
}

/** The path of a rollout, or of a part of it. */
export const of = (rollout, part = "") => `/rollouts/${encodeURIComponent(rollout)}${part}`;

let session = null;

/** Who asks and what he may; asked once. */
export function whoAsks() {
  session ??= ask("/session").catch((error) => {
    session = null;
    throw error;
  });
  return session;
}

/** Write a command. An old token (the server began anew) is renewed once. */
export async function command(rollout, wanted) {
  try {
    return await send(rollout, wanted);
  } catch (error) {
    if (error.status !== 403) throw error;
    session = null;
    return send(rollout, wanted);
  }
}

async function send(rollout, wanted) {
  const { token } = await whoAsks();
  return answer(`${BASE}${of(rollout, "/commands")}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", [TOKEN]: token },
    body: JSON.stringify(wanted),
  });
}

async function answer(url, options) {
  const got = await reached(url, options);
  const body = await got.json().catch(() => ({ reason: `the server answered ${got.status} without JSON` }));
  if (got.ok) return body;
  throw new Trouble(got.status, body);
}

async function reached(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble(0, { code: "not_reached", reason: "the server does not answer" });
  }
}
