"""Where does the chain of decisions end, is it whole, and who signed its end?"""

from __future__ import annotations

from streams.audit.chain import links
from streams.audit.facts import Audited, AuditLog
from streams.audit.verify import verify
from streams.replay.records import StoredRecord, Trail
from streams.report.facts import ChainHead
from streams.wire.signatures import KEY_ID

UNSIGNED = "not signed"
UNVERIFIED = "signed, by its own word; nobody verified it here: set signing.trusted"
VERIFIED = "signed by a trusted key"


def chain_head(log: AuditLog, trail: Trail, *, signed: bool) -> ChainHead:
    """The last decision that the chain holds; `signed`: whether trusted keys were at hand."""
    audit = verify(log, signed=signed)
    last = links(log.decisions)[-1]
    key = _key_id(last, trail.records["decisions"])
    return ChainHead(
        seq=last.seq,
        decision_id=str(last.record["decision_id"]),
        body_hash=last.body_hash,
        prev_hash=str(last.record["prev_hash"]),
        place=last.place,
        key_id=key,
        vouched=_vouched(last, key, signed=signed),
        decisions=audit.decisions,
        findings=tuple(map(str, audit.findings)),
        remarks=audit.remarks,
    )


def _vouched(last: Audited, key: str | None, *, signed: bool) -> str:
    if last.doubted is not None:
        return f"{last.doubted.code}: {last.doubted.sentence}"
    if signed:
        return VERIFIED
    return UNSIGNED if key is None else UNVERIFIED


def _key_id(last: Audited, records: tuple[StoredRecord, ...]) -> str | None:
    """The key that a record names in its headers; anybody may have written that."""
    for stored in records:
        if stored.offset == last.offset and stored.sealed is not None:
            named = dict(stored.sealed.headers).get(KEY_ID)
            return None if named is None else named.decode("ascii", errors="replace")
    return None
