#!/usr/bin/env python3
"""A target of your own, for the router `exec`: reads a question on stdin, prints what there is.

    route: {exec: {command: [/usr/local/bin/move_traffic.py, /var/lib/digits.json], name: digits}}

The actuator's davy.yaml allows it: `programs: [/usr/local/bin/move_traffic.py]`.

This one keeps its weights in a file. In yours, `move` speaks to whatever moves your traffic.
"""

import fcntl
import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Refused(Exception):  # noqa: N818 - what an answer's `error` says
    """`kind` is conflict, denied, not_found, rejected or transient."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def answer(path: Path, question: Json) -> Json:
    """What is there after the question; one question at a time."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return asked(path, question)
        except Refused as refused:
            return {"error": refused.kind, "message": str(refused)}


def asked(path: Path, question: Json) -> Json:
    """The answer to a question that may be refused."""
    state = load(path, question["arms"])
    if question["ask"] in {"apply", "sign"}:
        check(state, question)
        fence = question["fence"]
        there = state["fence"]
        if there and there["rollout"] == fence["rollout"]:
            fence["claim"] = max(fence["claim"], there["claim"])  # a claim is never taken back
        weights = question.get("weights_bp", state["weights_bp"])
        state = {"weights_bp": weights, "fence": fence, "revision": state["revision"] + 1}
        move(path, state)
    return state


def load(path: Path, arms: list[str]) -> Json:
    """What there is; before davy came, everything goes to the baseline."""
    if not path.exists():
        home = {arm: 10_000 if arm == "baseline" else 0 for arm in arms}
        return {"weights_bp": {"all": home}, "fence": None, "revision": 0}
    state: Json = json.loads(path.read_text())
    return state


def check(state: Json, question: Json) -> None:
    """Refuse what comes too late: this is what keeps a stopped actuator from doing harm."""
    if question["expect"] not in {None, str(state["revision"])}:
        raise Refused("conflict", f"revision is {state['revision']}")
    new, there = question["fence"], state["fence"]
    if there is None or there["rollout"] != new["rollout"]:
        return
    if new["seq"] < there["seq"] or 0 < new["claim"] < there["claim"]:
        raise Refused("conflict", f"stale: there is {there}, this write is {new}")


def move(path: Path, state: Json) -> None:
    """Give every arm its share; a reader sees the old file or the new one."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(state))
    draft.replace(path)


if __name__ == "__main__":
    print(json.dumps(answer(Path(sys.argv[1]), json.load(sys.stdin))))
