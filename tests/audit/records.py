"""The record that a rollout leaves when all goes well, signed, for audits to be tried on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.audit.gather import audit_log_of
from streams.replay.records import Sealed, StoredRecord, recorded_body
from streams.wire.framing import frame
from streams.wire.signatures import Signer, TrustedKeys
from tests.replay.trails import SPEC, stored, trail

JUDGE = Signer(Ed25519PrivateKey.from_private_bytes(b"j" * 32))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"s" * 32))
TRUSTED = TrustedKeys([JUDGE.public])
TOPIC = "davy-decisions"
AT_MS = 1_790_000_000_000
Records = dict[str, list[StoredRecord]]


def seal(
    record: dict[str, Any], offset: int, signer: Signer | None = JUDGE, topic: str = TOPIC
) -> StoredRecord:
    """A decision as the log holds it."""
    value = frame(9, recorded_body(record))
    headers = () if signer is None else signer.headers(topic, SPEC.rollout.encode(), value)
    made = replace(stored(offset, record), key=SPEC.rollout, at_ms=AT_MS + 10_000 * offset)
    return replace(made, sealed=Sealed(topic=topic, value=value, headers=headers))


def whole(topic: str = TOPIC) -> Records:
    """A rollout that went well, with nothing wrong in it; `topic` is where decisions stand."""
    found = trail("good", 90)
    decisions = [seal(told.record, n, topic=topic) for n, told in enumerate(found.decisions)]
    return {
        "decisions": decisions,
        "rollouts": list(found.records["rollouts"]),
        "commands": [commanded("PAUSE", 20)],
        "routing": list(routed(decisions)),
        "judge-state": [state(decisions)],
    }


def routed(decisions: list[StoredRecord]) -> list[StoredRecord]:
    """What an actuator writes that does as it is told."""
    told = [routing(0, "observed", 0, 0, AT_MS - 5000)]
    have = 0
    for each in decisions:
        want = each.record["weights_bp"]["all"]["candidate"]
        if want == have:
            continue
        for phase in ("intent", "applied"):
            made = routing(len(told), phase, each.record["seq"], want, each.at_ms + 100)
            made.record["decision_id"] = each.record["decision_id"]
            told.append(made)
        have = want
    return told


def routing(offset: int, phase: str, fence: int, candidate_bp: int, at_ms: int) -> StoredRecord:
    weights = {"all": {"baseline": 10_000 - candidate_bp, "candidate": candidate_bp}}
    record = {
        "rollout": SPEC.rollout,
        "phase": phase,
        "decision_id": "",
        "fence": fence,
        "desired_bp": weights,
        "applied_bp": weights,
        "at": at_ms,
        "since": at_ms,
        "confirmed_until": 0,
        "router": "memory",
        "revision": "",
        "terminal": False,
        "reason": "",
    }
    return stored(offset, record)


def commanded(kind: str, at_s: int, actor: str = "ada", reason: str = "lunch") -> StoredRecord:
    at = AT_MS + 1000 * at_s
    told = {"command": kind, "actor": actor, "reason": reason, "at": at}
    return stored(0, {"rollout": SPEC.rollout} | told)


def state(decisions: list[StoredRecord]) -> StoredRecord:
    """What the judge remembers of its last decision."""
    log = audit_log_of(
        SPEC.rollout, lambda topic: decisions if topic == "decisions" else [], TRUSTED
    )
    last = log.decisions[-1]
    chain = {"seq": last.seq, "prev_hash": last.body_hash}
    told = {"judge": {"herald": {"chain": chain}}}
    record = {"rollout": SPEC.rollout, "spec_hash": SPEC.spec_hash, "panes_offset": 7}
    return stored(3, record | {"inputs": "{}", "state": json.dumps(told), "outbox": []})
