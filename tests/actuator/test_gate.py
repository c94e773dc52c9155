"""A target with steps of its own: what is wanted of it, and when it is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actuator.gate import runs_on, within_reach
from streams.actuator.lease import Silence
from streams.actuator.ports import Kind, Observed
from streams.actuator.reconcile import HELD, Move, plan
from tests.actuator.targets import split
from tests.actuator.test_planner import FINE, standing

GATE = replace(FINE, kind=Kind.GATE)


def seen(have_bp: int, *reach_bp: int, upcoming_bp: int | None = None, **more: Any) -> Observed:
    upcoming_bp = have_bp if upcoming_bp is None else upcoming_bp
    reach = tuple(sorted({0, have_bp, *reach_bp}))
    facts = {"weights_bp": split(have_bp), "revision": "1", "reach_bp": reach}
    return Observed(**facts, upcoming_bp=upcoming_bp, **more)


class TestPlan:
    @pytest.mark.parametrize(
        ("wanted", "there", "more", "move", "result"),
        [
            (2500, seen(200, 2500), {}, Move.RAISE, 2500),
            (6000, seen(200, 2500), {}, Move.RAISE, 2500),
            (1000, seen(200, 2500), {}, Move.KEEP, 200),
            (200, seen(200, 2500), {}, Move.KEEP, 200),
            (100, seen(200, 2500), {}, Move.LOWER, 0),
            (0, seen(200, 2500), {}, Move.LOWER, 0),
            (2500, seen(200, 2500), {"paused": "ada"}, Move.KEEP, 200),
            (2500, seen(200, 2500, unready=("candidate",)), {}, Move.KEEP, 200),
        ],
        ids=str,
    )
    def test_shares_are_steps(
        self, wanted: int, there: Observed, more: dict[str, Any], move: Move, result: int
    ) -> None:
        """The largest that one write leads to and that is not above what is wanted."""
        todo = plan(standing(wanted, **more), there, Silence.FRESH, GATE)
        assert (todo.move, todo.weights_bp) == (move, split(result))

    @pytest.mark.parametrize(
        ("wanted", "there", "more", "held"),
        [
            (200, seen(200, 2500, upcoming_bp=2500), {}, True),
            (1000, seen(200, 2500, upcoming_bp=2500), {}, True),
            (2500, seen(200, 2500, upcoming_bp=2500), {"paused": "ada"}, True),
            (1000, seen(200, 2500), {}, False),
            (2500, seen(200, 2500, upcoming_bp=2500, unready=("candidate",)), {}, False),
            (200, seen(200, 2500, upcoming_bp=2500, unready=("candidate",)), {}, True),
        ],
        ids=str,
    )
    def test_what_runs_on_is_held(
        self, *, wanted: int, there: Observed, more: dict[str, Any], held: bool
    ) -> None:
        """By a write of what it has; what was let go on before may arrive."""
        todo = plan(standing(wanted, **more), there, Silence.FRESH, GATE)
        assert (todo.move is Move.LOWER, todo.weights_bp) == (held, there.weights_bp)
        assert todo.reason.startswith(HELD) is held

    def test_says_what_it_can_have(self) -> None:
        todo = plan(standing(1000), seen(200, 2500), Silence.FRESH, GATE)
        assert todo.reason == "gate: from here the target can have 0 %, 2 %, 25 %"

    def test_silence_holds_it(self) -> None:
        """Nobody judges, so nobody lets it go on; nor does it by itself."""
        there = seen(200, 2500, upcoming_bp=2500)
        todo = plan(standing(2500), there, Silence.FROZEN, GATE)
        assert (todo.move, todo.weights_bp) == (Move.LOWER, split(200))


@given(st.integers(0, 10_000), st.sets(st.integers(0, 10_000)))
def test_never_more_than_wanted(want: int, reach: set[int]) -> None:
    """And the most of what can be had."""
    there = Observed(weights_bp=split(0), revision="1", reach_bp=tuple(reach))
    found, _ = within_reach(split(want), there)
    assert found["all"]["candidate"] == max({0} | {step for step in reach if step <= want})
    assert sum(found["all"].values()) == 10_000


def test_other_targets_do_not_run_on() -> None:
    """Only gates say what comes by itself."""
    assert not runs_on(Observed(weights_bp=split(200), revision="1"), split(0))
