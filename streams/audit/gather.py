"""How do records of the log become what is audited? With the bytes that were signed, where kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from streams.audit.facts import Audited, AuditLog, Finding, Gap, place_of
from streams.replay.records import JUDGE_STATE, UNUSABLE, Sealed, StoredRecord, recorded_body
from streams.wire.framing import unframe
from streams.wire.reasons import BadRecord
from streams.wire.signatures import Doubt, Doubted, TrustedKeys

TOPICS = (JUDGE_STATE, "routing", "commands", "rollouts", "decisions")
"""What is read, in this order: what follows from decisions first, for a live judge goes on."""
NEEDED = (
    "rollout",
    "seq",
    "decision_id",
    "spec_hash",
    "prev_hash",
    "weights_bp",
    "terminal",
    "cut",
)


def audit_log_of(
    rollout: str,
    read: Callable[[str], Iterable[StoredRecord]],
    trusted: TrustedKeys | None,
) -> AuditLog:
    """Gather a rollout's records; `read(topic)` gives one partition in the order of its offsets.

    Args:
        rollout: its id. A record counts that names it, or stands under its key.
        read: reads one topic, named without prefix.
        trusted: keys that vouch for decisions; None: signatures are not looked at.
    """

    def mine(topic: str) -> tuple[StoredRecord, ...]:
        return tuple(stored for stored in read(topic) if is_of(rollout, stored))

    found = {topic: mine(topic) for topic in TOPICS}
    after = mine(JUDGE_STATE)
    made = [_audited(stored, trusted) for stored in found["decisions"]]
    return AuditLog(
        rollout=rollout,
        decisions=tuple(each for each in made if isinstance(each, Audited)),
        unusable=tuple(each for each in made if isinstance(each, Finding)),
        routing=found["routing"],
        commands=found["commands"],
        rollouts=found["rollouts"],
        state=found[JUDGE_STATE][-1] if found[JUDGE_STATE] else None,
        state_after=after[-1] if after else None,
    )


def is_of(rollout: str, stored: StoredRecord) -> bool:
    """Whether a record names the rollout, or stands under its key."""
    return rollout in (stored.key, stored.record.get("rollout"))


def _audited(stored: StoredRecord, trusted: TrustedKeys | None) -> Audited | Finding:
    place = place_of("decisions", stored)
    try:
        told = recorded_body(stored.record)
        body = told if stored.sealed is None else unframe(stored.sealed.value)[1]
        lack = [name for name in NEEDED if name not in stored.record]
    except (*UNUSABLE, BadRecord) as problem:
        return _unreadable(place, repr(problem))
    if lack:
        return _unreadable(place, f"{', '.join(lack)} missing")
    if body != told:
        return _unreadable(
            place,
            "the record beside them is not what the signed bytes say: it was edited in the export,"
            " or the bytes are of another version of the schema",
        )
    return Audited(
        place=place,
        offset=stored.offset,
        at_ms=stored.at_ms,
        record=stored.record,
        body_hash=hashlib.sha256(body).hexdigest(),
        doubted=None if trusted is None else _doubt(stored, trusted),
    )


def _unreadable(place: str, why: str) -> Finding:
    sentence = f"no decision can be read here: {why}"
    return Finding(gap=Gap.UNREADABLE, place=place, sentence=sentence)


def _doubt(stored: StoredRecord, trusted: TrustedKeys) -> Doubted | None:
    sealed: Sealed | None = stored.sealed
    if sealed is None:
        sentence = "the export holds no signed bytes of it; export again"
        return Doubted(code=Doubt.UNSIGNED, sentence=sentence)
    return trusted.doubt(sealed.topic, stored.key, sealed.value, sealed.headers)
