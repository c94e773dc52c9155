"""The oracle tells each kind of wrong apart: in decisions, and in what was done on them."""

from __future__ import annotations

from typing import Any

import pytest

from streams.judge.facts import Cut, PaneInput
from streams.judge.record import decision_to_record
from streams.judge.rollout import RolloutJudge
from streams.panes.breaches import Breach
from streams.sketches.cell import Cell
from streams.spec.model import Target
from tests.soak.oracle.compared import Found, compare_losses
from tests.soak.oracle.deleted import Deleted
from tests.soak.oracle.judged import Heard, Judged, check_decisions
from tests.soak.oracle.log import Avro, Record
from tests.soak.oracle.merge import Due
from tests.soak.oracle.routed import Routed, check_routing
from tests.soak.rollouts import usual

SPEC = usual(Target(router="memory"))
PANE_MS = 1000
FIRST, LAST = 100, 108
AVRO = Avro()
NOBODY = Heard(routing=(), commands=())

Decoded = tuple[Record, dict[str, Any]]


def record(topic: str, offset: int, body: dict[str, Any]) -> Decoded:
    value = b"\0\0\0\0\1" + AVRO.write(topic, body)
    place = {"topic": topic, "partition": 0, "offset": offset, "at_ms": 0, "headers": {}}
    return Record(**place, key=SPEC.rollout, value=value), body


def given(pane: int) -> PaneInput:
    return PaneInput(
        pane=pane, pane_ms=PANE_MS, cells={("all", "baseline"): Cell(exposures=50 + pane)}
    )


PANES = {
    pane: Due(given=given(pane), idle=(), joined_through=-1) for pane in range(FIRST, LAST + 1)
}


@pytest.fixture
def decisions() -> list[Decoded]:
    judge = RolloutJudge(SPEC, PANE_MS)
    told = [judge.step(due.given, Cut(pane=pane)) for pane, due in PANES.items()]
    found = [decision_to_record(each) for each in told if each is not None]
    assert len(found) > 4
    return [record("decisions", offset, body) for offset, body in enumerate(found)]


def judged(told: list[Decoded]) -> Judged:
    return check_decisions(SPEC, PANE_MS, PANES, NOBODY, told)


class TestDecisions:
    def test_as_the_log_gives_them(self, decisions: list[Decoded]) -> None:
        """Nothing is found where nothing is wrong."""
        assert judged(decisions) == Judged(compared=len(decisions))

    def test_twice(self, decisions: list[Decoded]) -> None:
        """One that comes again is counted once as that, and judged no second time."""
        found = judged([*decisions[:2], decisions[1], *decisions[2:]])
        assert (found.duplicated, found.reordered, found.wrong) == (1, 0, 0)

    def test_missing(self, decisions: list[Decoded]) -> None:
        """A hole shows in the numbers, and the next one cannot be judged from there."""
        found = judged([*decisions[:1], *decisions[2:]])
        assert (found.duplicated, found.reordered, found.wrong) == (0, 1, 1)

    def test_other_words(self, decisions: list[Decoded]) -> None:
        """One that does not follow is wrong, and the one behind it is off the chain."""
        _, body = decisions[1]
        decisions[1] = record("decisions", 1, body | {"reason": "because"})
        found = judged(decisions)
        assert (found.duplicated, found.reordered, found.wrong) == (0, 1, 1)

    def test_another_pane(self, decisions: list[Decoded]) -> None:
        """A pane in which the oracle has no event leads to another decision."""
        silent = PaneInput(pane=FIRST, pane_ms=PANE_MS)
        panes = {**PANES, FIRST: Due(given=silent, idle=(), joined_through=-1)}
        found = check_decisions(SPEC, PANE_MS, panes, NOBODY, decisions)
        assert found.wrong > 0


def routing(phase: str, fence: int, candidate: int) -> Decoded:
    weights = {"all": {"baseline": 10_000 - candidate, "candidate": candidate}}
    body = {
        "rollout": SPEC.rollout,
        "phase": phase,
        "decision_id": f"d{fence}",
        "fence": fence,
        "desired_bp": weights,
        "applied_bp": weights,
    }
    place = {"topic": "routing", "partition": 0, "offset": 0, "at_ms": 0, "headers": {}}
    return Record(**place, key=SPEC.rollout, value=None), body


def decided(*shares: int) -> list[Decoded]:
    place = {"topic": "decisions", "partition": 0, "at_ms": 0, "headers": {}, "value": None}
    return [
        (
            Record(**place, key=SPEC.rollout, offset=seq),
            {
                "seq": seq,
                "decision_id": f"d{seq}",
                "weights_bp": {"all": {"baseline": 10_000 - share, "candidate": share}},
            },
        )
        for seq, share in enumerate(shares, start=1)
    ]


class TestRouting:
    @pytest.mark.parametrize(
        ("done", "twice", "out_of_order"),
        [
            pytest.param([("applied", 1, 200), ("observed", 2, 200)], 0, 0, id="as decided"),
            pytest.param([("applied", 1, 200), ("applied", 1, 200)], 1, 0, id="twice"),
            pytest.param(
                [("applied", 1, 200), ("observed", 1, 900), ("applied", 1, 200)],
                0,
                0,
                id="somebody else had changed it",
            ),
            pytest.param([("applied", 3, 400), ("applied", 2, 200)], 0, 1, id="an old one"),
            pytest.param([("applied", 1, 400)], 0, 1, id="more than decided"),
            pytest.param([("applied", 9, 0)], 0, 1, id="of no decision"),
        ],
    )
    def test_what_was_done(self, done: list[Any], twice: int, out_of_order: int) -> None:
        """Each decision moves the target once, in order, and no further than it says."""
        found: Routed = check_routing([routing(*each) for each in done], decided(200, 200, 400))
        assert (found.twice, found.out_of_order) == (twice, out_of_order)


def lost(*stretches: tuple[int, int]) -> list[Decoded]:
    """What davy tells of lost predictions of partition 0."""
    found = []
    for offset, (first, end) in enumerate(stretches):
        breach = Breach.of_records("predictions", 0, first, end)
        told = {"source": "predictions", "body": breach.body(SPEC.rollout, SPEC.spec_hash)}
        place = {"topic": "panes", "partition": 0, "offset": offset, "at_ms": 0, "headers": {}}
        found.append((Record(**place, key=SPEC.rollout, value=b""), told))
    return found


class TestLosses:
    def told(self, *stretches: tuple[int, int]) -> tuple[int, int]:
        """Events lost without a word, and words without a loss, where 7..9 were deleted."""
        found = Found()
        compare_losses(found, lost(*stretches), Deleted(unread={0: (7, 10)}), SPEC.rollout)
        return found.tally.lost, found.tally.miscounted

    def test_as_it_is(self) -> None:
        assert self.told((7, 10)) == (0, 0)

    def test_not_told(self) -> None:
        assert self.told() == (3, 0)

    def test_told_twice_or_otherwise(self) -> None:
        assert self.told((7, 10), (7, 10)) == (0, 1)
        assert self.told((7, 11)) == (3, 1)

    def test_what_nobody_read_is_not_counted(self) -> None:
        """The log is whole again, in its order; the oracle passes over what was not read."""
        place = {"topic": "predictions", "partition": 0, "at_ms": 0, "key": "", "headers": {}}
        log = [Record(**place, offset=offset, value=b"") for offset in range(8)]
        deleted = Deleted(records=tuple(log[:5]), unread={0: (3, 5)})
        assert deleted.whole(log[5:]) == log
        assert [each.offset for each in deleted.read(log)] == [0, 1, 2, 5, 6, 7]
