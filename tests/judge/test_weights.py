"""The timeline of weights, by hand-made routing records."""

from __future__ import annotations

from streams.judge.facts import RoutingFact, RoutingPhase
from streams.judge.weights import Placement, WeightTimeline

ARMS = ("baseline", "candidate")
GUARD_MS = 1_000
APPLIED, OBSERVED = RoutingPhase.APPLIED, RoutingPhase.OBSERVED
INTENT, FAILED, REFUSED = RoutingPhase.INTENT, RoutingPhase.FAILED, RoutingPhase.REFUSED


def timeline(*facts: tuple[RoutingPhase, int, int, int]) -> WeightTimeline:
    """Facts as (phase, candidate's weight, since, confirmed until)."""
    line = WeightTimeline(ARMS, GUARD_MS)
    for offset, fact in enumerate(facts):
        line.feed(routing(*fact, offset=offset))
    return line


def routing(
    phase: RoutingPhase, weight: int, since: int, until: int, *, offset: int = 0
) -> RoutingFact:
    return RoutingFact(
        offset=offset,
        phase=phase,
        at_ms=max(since, until),
        weights_bp={"baseline": 10_000 - weight, "candidate": weight},
        since_ms=since,
        confirmed_until_ms=until,
        fence=0,
    )


class TestPlace:
    """Which panes promotion may use."""

    def test_waits_until_confirmed(self) -> None:
        line = timeline((APPLIED, 500, 0, 5_000))
        assert line.place(4_000, 5_000) == (Placement.STEADY, (9_500, 500))
        assert line.place(4_001, 5_001) == (Placement.WAITING, None)

    def test_guard_after_a_change(self) -> None:
        line = timeline((OBSERVED, 0, 0, 9_000), (APPLIED, 500, 10_000, 20_000))
        assert Placement.GUARDED is line.place(10_900, 11_100)[0]
        assert Placement.STEADY is line.place(11_000, 12_000)[0]

    def test_what_nobody_confirmed_is_unknown_once_later_weights_are(self) -> None:
        """Between the last look and the change anything may have happened."""
        line = timeline((OBSERVED, 0, 0, 9_000), (APPLIED, 500, 10_000, 20_000))
        assert Placement.STEADY is line.place(8_000, 9_000)[0]
        assert Placement.UNKNOWN is line.place(9_000, 10_000)[0]
        assert Placement.UNKNOWN is line.place(9_500, 10_500)[0]

    def test_before_the_first_record_waits_then_is_unknown(self) -> None:
        assert Placement.WAITING is timeline().place(0, 1_000)[0]
        assert Placement.UNKNOWN is timeline((OBSERVED, 0, 5_000, 9_000)).place(0, 1_000)[0]

    def test_observation_extends(self) -> None:
        line = timeline((APPLIED, 500, 0, 0), (OBSERVED, 500, 0, 7_000))
        assert Placement.STEADY is line.place(6_000, 7_000)[0]

    def test_gap_under_equal_weights_needs_no_new_guard(self) -> None:
        """An actuator that restarted says since when *it* knows; the weights did not change."""
        line = timeline((APPLIED, 500, 0, 5_000), (OBSERVED, 500, 8_000, 9_000))
        assert Placement.UNKNOWN is line.place(6_000, 7_000)[0]
        assert Placement.STEADY is line.place(8_000, 9_000)[0]

    def test_failed_and_refused_confirm_nothing(self) -> None:
        line = timeline((APPLIED, 500, 0, 5_000), (FAILED, 500, 0, 0), (REFUSED, 0, 0, 9_000))
        assert line.confirmed_ms == 5_000
        assert line.weights_at(9_000) == (9_500, 500)

    def test_a_foreign_change_clips_what_was_confirmed(self) -> None:
        line = timeline((APPLIED, 500, 0, 5_000), (OBSERVED, 900, 4_000, 8_000))
        assert Placement.UNKNOWN is line.place(3_500, 4_500)[0]
        assert line.weights_at(4_000) == (9_100, 900)


class TestLowered:
    """Harm tests leave an arm out after its weight went down, not after it went up."""

    def test_after_a_lowering(self) -> None:
        line = timeline((APPLIED, 500, 0, 5_000), (APPLIED, 100, 5_000, 6_000))
        assert line.lowered(1, 5_000, 6_000)
        assert not line.lowered(1, 6_000, 7_000)
        assert not line.lowered(0, 5_000, 6_000)

    def test_not_after_a_raise(self) -> None:
        line = timeline((APPLIED, 100, 0, 5_000), (APPLIED, 500, 5_000, 6_000))
        assert not line.lowered(1, 5_000, 6_000)

    def test_from_the_intent_on(self) -> None:
        line = timeline((APPLIED, 500, 0, 5_000), (INTENT, 100, 5_000, 0))
        assert line.lowered(1, 5_500, 6_500)
        assert not line.lowered(1, 4_000, 5_000)

    def test_not_once_the_intent_failed(self) -> None:
        line = timeline((APPLIED, 500, 0, 5_000), (INTENT, 100, 5_000, 0), (FAILED, 500, 0, 0))
        assert not line.lowered(1, 5_500, 6_500)


class TestState:
    """The timeline survives a round trip."""

    def test_round_trip(self) -> None:
        line = timeline((APPLIED, 500, 0, 5_000), (INTENT, 100, 5_000, 0))
        again = WeightTimeline(ARMS, GUARD_MS)
        again.restore(line.to_state())
        assert line.to_state() == again.to_state()
        assert again.lowered(1, 5_500, 6_500)

    def test_bounded(self) -> None:
        """A target that never rests costs bounded memory."""
        line = timeline(*((OBSERVED, i, i * 10, i * 10 + 5) for i in range(1_000)))
        assert len(line.to_state()["spans"]) == 16
