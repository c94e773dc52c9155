"""Rollouts of Argo's to where they stand, and turns to patches: pure functions."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actuator.ports import Fence
from streams.actuator.routers.kube.argo_rollout import Place
from streams.actuator.routers.kube.argo_sight import Sight
from streams.actuator.routers.kube.argo_turns import HELD, Turn, parts, released, turn
from streams.actuator.routers.kube.marks import leave
from streams.errors import TargetConflict, TargetRejected

Json = dict[str, Any]
GATED = (
    {"setWeight": 0},
    {"pause": {}},
    {"setWeight": 2},
    {"pause": {}},
    {"setWeight": 25},
    {"analysis": {"templates": []}},
    {"pause": {}},
    {"setWeight": 50},
    {"pause": {}},
)
TIMED = (
    {"setWeight": 2},
    {"pause": {"duration": "1m"}},
    {"setWeight": 25},
    {"pause": {"duration": 0}},
    {"setWeight": 50},
)


def rollout(
    index: int,
    *,
    steps: Sequence[Json] = GATED,
    weight: int | None = None,
    waits: bool = True,
    **more: Any,
) -> Json:
    """A Rollout at a step; it waits there if that is a pause, unless told otherwise."""
    said = [step["setWeight"] for step in steps[: index + 1] if "setWeight" in step]
    weight = weight if weight is not None else [0, *said][-1] if index < len(steps) else 100
    pausing = waits and index < len(steps) and "pause" in steps[index]
    conditions = [{"reason": "CanaryPauseStep", "startTime": "2026-11-29T11:00:00Z"}]
    status = {
        "currentPodHash": "new",
        "stableRS": "old",
        "currentStepIndex": index,
        "observedGeneration": "3",
        "canary": {"weights": {"canary": {"weight": weight}, "stable": {"weight": 100 - weight}}},
        **({"pauseConditions": conditions, "controllerPause": True} if pausing else {}),
    }
    canary = {"steps": list(steps), "trafficRouting": {"istio": {}}}
    return {
        "metadata": {"name": "digits", "generation": 3, "resourceVersion": "70"},
        "spec": {"strategy": {"canary": canary}, **more.pop("spec", {})},
        "status": status | more,
    }


def place(index: int, **more: Any) -> Place:
    return Place.parse(rollout(index, **more))


def said(found: Json, which: Turn, *, held: bool = False) -> Json:
    """The Rollout after a turn's patches, as an API server with a status of its own takes them."""
    for part in parts(which, found, Place.parse(found), held=held):
        after = jsonpatch.apply_patch(copy.deepcopy(found), [*part.operations])
        kept = ("status",) if part.subresource else ("spec", "metadata")
        found = found | {name: after[name] for name in kept}
    return found


class TestPlace:
    @pytest.mark.parametrize(
        ("index", "more", "weight", "following", "upcoming"),
        [
            (0, {}, 0, 200, 0),
            (1, {}, 0, 200, 0),
            (2, {"weight": 0}, 0, 200, 200),
            (3, {}, 200, 2500, 200),
            (3, {"waits": False}, 200, 2500, 200),
            (3, {"waits": False, "controllerPause": True}, 200, 2500, 2500),
            (5, {}, 2500, 5000, 2500),
            (6, {}, 2500, 5000, 2500),
            (8, {}, 5000, 10_000, 5000),
            (9, {"weight": 50}, 5000, 10_000, 10_000),
            (3, {"promoteFull": True}, 200, 2500, 10_000),
            (3, {"abort": True}, 200, 2500, 200),
            (1, {"steps": TIMED}, 200, 2500, 2500),
            (1, {"steps": TIMED, "spec": {"paused": True}}, 200, 2500, 200),
            (3, {"steps": TIMED}, 2500, 10_000, 10_000),
        ],
    )
    def test_where_it_goes(
        self, index: int, more: Json, weight: int, following: int, upcoming: int
    ) -> None:
        """The share at the next gate with more, and what comes without anybody's word."""
        found = place(index, **more)
        assert (found.weight_bp, found.next_bp(), found.upcoming_bp()) == (
            weight,
            following,
            upcoming,
        )

    def test_finer_weights(self) -> None:
        """`maxTrafficWeight` is the whole."""
        found = rollout(3)
        found["spec"]["strategy"]["canary"]["trafficRouting"]["maxTrafficWeight"] = 1000
        read = Place.parse(found)
        assert (read.weight_bp, read.next_bp()) == (20, 250)

    def test_before_argo_has_told_weights(self) -> None:
        """The steps tell them."""
        found = rollout(4)
        del found["status"]["canary"]
        assert Place.parse(found).weight_bp == 2500
        assert Place.parse(found | {"status": {}}).weight_bp == 0

    @pytest.mark.parametrize(
        ("strategy", "words"),
        [
            ({"blueGreen": {}}, r"strategy\.canary with steps"),
            ({"canary": {"trafficRouting": {"istio": {}}}}, r"strategy\.canary with steps"),
            ({"canary": {"steps": list(GATED)}}, "trafficRouting"),
        ],
    )
    def test_what_is_no_gate(self, strategy: Json, words: str) -> None:
        """Without steps there is nothing to let through, without a router no share."""
        with pytest.raises(TargetRejected, match=words):
            Place.parse(rollout(1) | {"spec": {"strategy": strategy}})


class TestTurn:
    @pytest.mark.parametrize(
        ("index", "more", "want", "expected"),
        [
            (3, {}, 200, Turn.KEEP),
            (3, {}, 2500, Turn.PROMOTE),
            (3, {}, 10_000, Turn.PROMOTE),
            (3, {}, 199, Turn.ABORT),
            (3, {}, 0, Turn.ABORT),
            (1, {}, 0, Turn.KEEP),
            (8, {}, 10_000, Turn.PROMOTE),
            (2, {"weight": 0}, 0, Turn.HOLD),
            (4, {"weight": 2}, 0, Turn.ABORT),
            (3, {"abort": True}, 0, Turn.KEEP),
            (3, {"abort": True, "promoteFull": True}, 0, Turn.ABORT),
            (1, {"steps": TIMED}, 200, Turn.HOLD),
            (1, {"steps": TIMED}, 2500, Turn.PROMOTE),
            (1, {"steps": TIMED, "spec": {"paused": True}}, 200, Turn.KEEP),
        ],
    )
    def test_table(self, index: int, more: Json, want: int, expected: Turn) -> None:
        """Down is abort, up is one promotion, and what would go on by itself is held."""
        assert turn(place(index, **more), want, held=False, skips=False) is expected

    def test_everything_at_once(self) -> None:
        """Only where that is wanted, and where something is left to skip."""
        assert turn(place(3), 10_000, held=False, skips=True) is Turn.FULL
        assert turn(place(3), 9999, held=False, skips=True) is Turn.PROMOTE
        assert turn(place(8), 10_000, held=False, skips=True) is Turn.PROMOTE

    def test_less_than_the_next_step_is_refused(self) -> None:
        with pytest.raises(TargetRejected, match="its next step gives 25 %, more than 10 %"):
            turn(place(3), 1000, held=False, skips=False)

    def test_what_was_aborted_is_never_promoted(self) -> None:
        for skips in (True, False):
            with pytest.raises(TargetRejected, match="never promoted"):
                turn(place(3, abort=True, weight=0), 10_000, held=True, skips=skips)

    @pytest.mark.parametrize(
        ("index", "more"),
        [
            (2, {"weight": 0}),
            (3, {"waits": False}),
            (3, {"pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]}),
            (4, {"weight": 2, "spec": {"paused": True}}),
            (3, {"spec": {"paused": True}}),
        ],
    )
    def test_only_from_a_gate(self, index: int, more: Json) -> None:
        """Not on its way, not past Argo's own doubts, not past a pause that is a person's."""
        with pytest.raises(TargetConflict, match="does not wait at a gate"):
            turn(place(index, **more), 10_000, held=False, skips=False)

    @given(
        index=st.integers(0, len(GATED)),
        want=st.integers(0, 10_000),
        skips=st.booleans(),
        timed=st.sampled_from([0, 1]),
    )
    def test_never_above_what_is_wanted(
        self, *, index: int, want: int, skips: bool, timed: int
    ) -> None:
        """Wherever it stands: what it comes to after the turn, by itself, is not more."""
        steps = (GATED, TIMED)[timed]
        found = rollout(min(index, len(steps)), steps=steps)
        here = Place.parse(found)
        try:
            which = turn(here, want, held=False, skips=skips)
        except (TargetRejected, TargetConflict):
            return
        after = Place.parse(said(found, which))
        if which is Turn.ABORT:
            assert (after.aborted, after.full) == (True, False)
        else:
            assert max(after.weight_bp, after.upcoming_bp()) <= want


class TestParts:
    def test_promote_lets_go_once(self) -> None:
        """The second time it no longer waits, or stands elsewhere: the patch fails."""
        found = rollout(3)
        after = said(found, Turn.PROMOTE)
        assert "pauseConditions" not in after["status"]
        (part,) = parts(Turn.PROMOTE, found, Place.parse(found), held=False)
        assert part.subresource == "status"
        for later in (after, rollout(6), rollout(3, currentPodHash="newer")):
            with pytest.raises((jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPatchConflict)):
                jsonpatch.apply_patch(later, [*part.operations])
        with pytest.raises(TargetConflict):
            turn(Place.parse(after), 2500, held=False, skips=False)

    def test_a_change_in_between_is_a_conflict(self) -> None:
        """Even one that leaves candidate and step: nobody lets it go on unseen."""
        found = rollout(3)
        changed = copy.deepcopy(found)
        changed["metadata"]["resourceVersion"] = "71"
        for which in (Turn.PROMOTE, Turn.FULL, Turn.HOLD):
            part = parts(which, found, Place.parse(found), held=False)[0]
            with pytest.raises(jsonpatch.JsonPatchTestFailed):
                jsonpatch.apply_patch(changed, [*part.operations])

    def test_an_abort_needs_the_candidate_alone(self) -> None:
        """It goes on its way whatever else changed; and takes back a full promotion."""
        found = rollout(3, promoteFull=True)
        (part,) = parts(Turn.ABORT, found, Place.parse(found), held=False)
        elsewhere = rollout(4, promoteFull=True)
        elsewhere["metadata"]["resourceVersion"] = "99"
        after = jsonpatch.apply_patch(elsewhere, [*part.operations])
        assert (after["status"]["abort"], after["status"]["promoteFull"]) == (True, False)
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            jsonpatch.apply_patch(rollout(3, currentPodHash="newer"), [*part.operations])

    def test_a_newer_fence_stops_all(self) -> None:
        """Whoever has signed is overtaken by whoever signs later."""
        found = rollout(3)
        first = jsonpatch.apply_patch(found, leave(found, Fence(rollout="r1", seq=1), "new"))
        later = jsonpatch.apply_patch(first, leave(first, Fence(rollout="r1", seq=2), "new"))
        for which in (Turn.PROMOTE, Turn.FULL, Turn.HOLD, Turn.ABORT):
            part = parts(which, first, Place.parse(first), held=False)[0]
            with pytest.raises(jsonpatch.JsonPatchTestFailed):
                jsonpatch.apply_patch(later, [*part.operations])

    def test_held_and_let_go(self) -> None:
        """davy's own pause is noted, and lifted with the promotion or in the end."""
        held = said(rollout(1, steps=TIMED), Turn.HOLD)
        assert (held["spec"]["paused"], held["metadata"]["annotations"]) == (True, {HELD: "true"})
        assert turn(Place.parse(held), 2500, held=True, skips=False) is Turn.PROMOTE
        gone = said(held, Turn.PROMOTE, held=True)
        assert (gone["spec"]["paused"], gone["metadata"]["annotations"]) == (False, {})
        assert "pauseConditions" not in gone["status"]
        done = jsonpatch.apply_patch(held, released(held))
        assert (done["spec"]["paused"], done["metadata"]["annotations"]) == (False, {})
        assert released(done) == []


class TestSight:
    @pytest.mark.parametrize(
        ("noted", "status", "share", "ours"),
        [
            ("", {}, 200, True),
            ("new", {}, 200, True),
            ("older", {}, 0, False),
            ("old", {}, 9800, False),
            ("", {"currentPodHash": "old"}, 0, False),
            ("old", {"currentPodHash": "old"}, 10_000, False),
            ("new", {"currentPodHash": "old"}, 0, False),
            ("", {"stableRS": ""}, 0, False),
        ],
    )
    def test_whose_share(self, *, noted: str, status: Json, share: int, ours: bool) -> None:
        """Of the candidate that the rollout began with, wherever it is by now."""
        sight = Sight.of(rollout(3, **status), noted)
        assert (sight.share_bp(), sight.ours) == (share, ours)

    @pytest.mark.parametrize(
        ("index", "more", "reason"),
        [
            (3, {}, ""),
            (3, {"abort": True}, ""),
            (2, {}, "on its way"),
            (3, {"observedGeneration": "2"}, "Argo has not seen the newest specification"),
            (3, {"spec": {"paused": True}}, "paused by somebody else"),
            (3, {"pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]}, "waits for Inc"),
            (3, {"currentPodHash": "other"}, "another candidate is rolled out"),
            (3, {"currentPodHash": "old"}, "none is rolled out"),
        ],
    )
    def test_why_it_cannot_go_on(self, index: int, more: Json, reason: str) -> None:
        told = Sight.of(rollout(index, **more), "new").reason()
        assert told.startswith(reason)
        assert bool(told) == bool(reason)

    def test_reach(self) -> None:
        """Nothing, what it has, the next gate; everything where steps may be skipped."""
        sight = Sight.of(rollout(3), "new")
        assert sight.reach_bp(skips=False) == (0, 200, 2500)
        assert sight.reach_bp(skips=True) == (0, 200, 2500, 10_000)
        assert Sight.of(rollout(3), "other").reach_bp(skips=True) == (0,)
