"""What was decided, asked and done, and when? Decisions one by one, and all of it by the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from streams.audit.facts import AuditLog, place_of
from streams.audit.timeline import Moment, timeline
from streams.replay.records import StoredRecord, Trail
from streams.report.evidence import end_ms
from streams.report.facts import Asked, DecisionLine
from streams.report.track import candidates_bp
from streams.spec.formats import format_weight

JUDGE = "judge"


def decision_lines(trail: Trail) -> tuple[DecisionLine, ...]:
    """Every decision of the log, by number and place; one that was written twice stands once."""
    at_ms = {stored.offset: stored.at_ms for stored in trail.records["decisions"]}
    return tuple(_lines(trail, at_ms))


def _lines(trail: Trail, at_ms: dict[int, int]) -> Iterator[DecisionLine]:
    for recorded in trail.decisions:
        decision = recorded.decision
        code, colon, sentence = decision.reason.partition(": ")
        yield DecisionLine(
            seq=decision.seq,
            offset=recorded.offset,
            decision_id=decision.decision_id,
            at_ms=at_ms[recorded.offset],
            until_ms=end_ms(decision),
            action=decision.action,
            stage=decision.stage,
            share_bp=candidates_bp(decision.weights_bp),
            terminal=decision.terminal,
            code=code if colon else "",
            sentence=sentence if colon else decision.reason,
        )


def moments(log: AuditLog, lines: Sequence[DecisionLine]) -> tuple[Moment, ...]:
    """What happened, by the clock of who wrote it; like decisions in a row are one moment."""
    others = [each for each in timeline(log) if not each.place.startswith("decisions-")]
    found = [*others, *map(_moment, _runs(lines))]
    return tuple(sorted(found, key=lambda moment: (moment.at_ms, moment.place)))


def deeds(log: AuditLog) -> tuple[Moment, ...]:
    """What the actuator did, and what it saw that was new."""
    return tuple(moment for moment in timeline(log) if moment.place.startswith("routing-"))


def _runs(lines: Iterable[DecisionLine]) -> Iterator[list[DecisionLine]]:
    alike = groupby(lines, key=lambda line: (line.action, line.stage, line.share_bp, line.code))
    return (list(run) for _, run in alike)


def _moment(run: Sequence[DecisionLine]) -> Moment:
    first, last = run[0], run[-1]
    numbers = f"#{first.seq}" if len(run) == 1 else f"#{first.seq} to #{last.seq}"
    share = format_weight(last.share_bp)
    return Moment(
        at_ms=first.at_ms,
        place=f"decision {numbers}",
        who=JUDGE,
        what=f"{numbers} {last.action} ({share}): {last.sentence}",
    )


def asked(log: AuditLog) -> tuple[Asked, ...]:
    """What people asked, in the order of the log."""
    return tuple(_asked(stored) for stored in log.commands)


def _asked(stored: StoredRecord) -> Asked:
    record = stored.record
    return Asked(
        at_ms=record["at"],
        command=str(record["command"]).lower(),
        actor=str(record["actor"]),
        reason=str(record["reason"]),
        stage=record.get("stage"),
        until_ms=record.get("until"),
        place=place_of("commands", stored),
    )
