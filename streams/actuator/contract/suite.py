"""What must every router do? One suite for all of them, on real targets with real traffic."""

from __future__ import annotations

from collections import Counter

import pytest
from scipy.stats import binom

from streams.actuator.contract.rig import Rig, split
from streams.actuator.keeper import CONFLICT_TRIES
from streams.actuator.ports import Desired, Fence, Outcome, Proof, Router
from streams.actuator.weights import settled
from streams.errors import TargetConflict, TargetRejected

FIRST = Fence(rollout="r1", seq=1)
SECOND = Fence(rollout="r1", seq=2)
REQUESTS = 1500
ONCE_IN_A_MILLION = 1e-6
EXACT = 10_000
"""The largest weight of a target that has every basis point."""


def proven(rig: Rig, router: Router, candidate_bp: int) -> str:
    """Wait for the proof of a write and return how it came."""
    desired = Desired(weights_bp=split(candidate_bp))
    how = []

    def holds() -> bool:
        found = router.verify(desired)
        assert found.proof is not Proof.REJECTED, found.how
        how.append(found.how)
        return found.proof is Proof.HOLDS

    rig.wait(holds, f"{candidate_bp} basis points")
    return how[-1]


def given(router: Router, candidate_bp: int) -> dict[str, dict[str, int]]:
    """What the target can have of a share; TargetRejected where that is nothing."""
    can = router.capabilities
    return settled(split(candidate_bp), can.largest_weight, can.total)


def put(rig: Rig, router: Router, candidate_bp: int, fence: Fence) -> None:
    """Apply weights to what is there, and wait for the proof.

    After a conflict it looks again, as the actuator does: a target's own controller may have
    written meanwhile.
    """
    for tries_left in reversed(range(CONFLICT_TRIES)):
        expect = router.observe().revision
        try:
            router.apply(Desired(weights_bp=split(candidate_bp)), expect=expect, fence=fence)
            break
        except TargetConflict:
            if not tries_left:
                raise
    assert proven(rig, router, candidate_bp)


class _Observing:
    def test_fresh_target(self, rig: Rig) -> None:
        """A target that davy never touched: all to the baseline, no fence, ready."""
        seen = rig.open().observe()
        assert (seen.weights_bp, seen.fence, seen.unready) == (split(0), None, ())

    def test_looking_changes_nothing(self, rig: Rig) -> None:
        """Two looks at an untouched target are the same."""
        router = rig.open()
        assert router.observe() == router.observe()

    def test_a_strangers_change_is_seen(self, rig: Rig) -> None:
        """What somebody else sets is seen, under another revision."""
        router = rig.open()
        put(rig, router, 500, FIRST)
        before = router.observe()
        rig.interfere(split(5000))
        rig.wait(lambda: router.observe().weights_bp == split(5000), "5000 basis points")
        assert router.observe().revision != before.revision


class _Applying:
    @pytest.mark.parametrize("candidate_bp", [100, 2500, 10_000])
    def test_weights_arrive(self, rig: Rig, candidate_bp: int) -> None:
        """What is applied is seen, proven, and carries the fence."""
        router = rig.open()
        put(rig, router, candidate_bp, FIRST)
        seen = router.observe()
        assert (seen.weights_bp, seen.fence) == (split(candidate_bp), FIRST)

    def test_applied_tells_what_the_target_was_given(self, rig: Rig) -> None:
        """The answer to a write is what a look shows, revision included."""
        router = rig.open()
        applied = router.apply(Desired(weights_bp=split(333)), expect=None, fence=FIRST)
        rig.wait(lambda: router.observe().weights_bp == applied.weights_bp, "333 basis points")
        assert router.observe().revision == applied.revision

    def test_another_process_finds_it(self, rig: Rig) -> None:
        """A router opened later sees what an earlier one left."""
        put(rig, rig.open(), 2500, FIRST)
        seen = rig.open().observe()
        assert (seen.weights_bp, seen.fence) == (split(2500), FIRST)

    @pytest.mark.parametrize("candidate_bp", [45, 333, 777, 3333, 9999])
    def test_rounds_down_never_up(self, rig: Rig, candidate_bp: int) -> None:
        """A share that the target cannot have exactly becomes a smaller one, above nothing."""
        router = rig.open()
        try:
            there = given(router, candidate_bp)
        except TargetRejected:  # as of the next test
            with pytest.raises(TargetRejected, match="below resolution"):
                put(rig, router, candidate_bp, FIRST)
            return
        put(rig, router, candidate_bp, FIRST)
        assert router.observe().weights_bp == there
        assert 0 < there["all"]["candidate"] <= candidate_bp

    def test_below_resolution_is_refused(self, rig: Rig) -> None:
        """The smallest basis point is either exact or refused, and then nothing is touched."""
        router = rig.open()
        before = router.observe()
        if router.capabilities.largest_weight == EXACT:
            put(rig, router, 1, FIRST)
            assert router.observe().weights_bp == split(1)
            return
        with pytest.raises(TargetRejected, match="below resolution"):
            router.apply(Desired(weights_bp=split(1)), expect=None, fence=FIRST)
        assert router.observe() == before

    @pytest.mark.parametrize(
        "weights",
        [
            {"all": {"baseline": 10_000}},
            {"all": {"baseline": 9000, "candidate": 900}},
            {"all": {"baseline": 10_100, "candidate": -100}},
            {"all": {"baseline": 9000, "stranger": 1000}},
        ],
    )
    def test_nonsense_is_refused(self, rig: Rig, weights: dict[str, dict[str, int]]) -> None:
        """Weights that are not complete and absolute touch nothing."""
        router = rig.open()
        before = router.observe()
        with pytest.raises(TargetRejected):
            router.apply(Desired(weights_bp=weights), expect=None, fence=FIRST)
        assert router.observe() == before


class _Fencing:
    def test_a_late_writer_is_refused(self, rig: Rig) -> None:
        """An older fence of the same rollout comes too late, from whatever process."""
        put(rig, rig.open(), 0, SECOND)
        late = rig.open()
        with pytest.raises(TargetConflict, match="stale"):
            late.apply(Desired(weights_bp=split(2500)), expect=None, fence=FIRST)
        seen = late.observe()
        assert (seen.weights_bp, seen.fence) == (split(0), SECOND)

    def test_the_same_fence_may_write_again(self, rig: Rig) -> None:
        """Enforcing what was decided needs no newer decision."""
        router = rig.open()
        put(rig, router, 2500, FIRST)
        put(rig, router, 0, FIRST)
        assert router.observe().weights_bp == split(0)

    def test_an_earlier_claim_is_refused(self, rig: Rig) -> None:
        """Whoever owned the rollout before comes too late, even under the same decision."""
        put(rig, rig.open(), 0, Fence(rollout="r1", seq=1, claim=9))
        late, fence = rig.open(), Fence(rollout="r1", seq=1, claim=8)
        with pytest.raises(TargetConflict, match="stale"):
            late.apply(Desired(weights_bp=split(2500)), expect=None, fence=fence)
        assert late.observe().weights_bp == split(0)

    def test_lowering_needs_no_claim(self, rig: Rig) -> None:
        """And leaves the one that is there."""
        put(rig, rig.open(), 2500, Fence(rollout="r1", seq=1, claim=9))
        put(rig, rig.open(), 0, SECOND)
        assert rig.open().observe().fence == Fence(rollout="r1", seq=2, claim=9)

    def test_signing_moves_nothing(self, rig: Rig) -> None:
        """The fence and the revision are new, the weights are not."""
        router = rig.open()
        put(rig, router, 2500, FIRST)
        before = router.observe()
        fence = Fence(rollout="r1", seq=1, claim=9)
        revision = router.sign(expect=before.revision, fence=fence)
        after = router.observe()
        assert (after.weights_bp, after.fence, after.revision) == (split(2500), fence, revision)
        assert revision != before.revision
        with pytest.raises(TargetConflict):
            router.sign(expect=before.revision, fence=fence)
        with pytest.raises(TargetConflict, match="stale"):
            router.sign(expect=revision, fence=Fence(rollout="r1", seq=1, claim=8))

    def test_another_rollout_takes_over(self, rig: Rig) -> None:
        """Fences are counted per rollout."""
        put(rig, rig.open(), 0, Fence(rollout="r1", seq=70))
        put(rig, rig.open(), 100, Fence(rollout="r2", seq=1))
        assert rig.open().observe().fence == Fence(rollout="r2", seq=1)

    def test_a_changed_target_is_a_conflict(self, rig: Rig) -> None:
        """A write that expects what is no longer there touches nothing."""
        router = rig.open()
        expect = router.observe().revision
        rig.interfere(split(5000))
        rig.wait(lambda: router.observe().weights_bp == split(5000), "5000 basis points")
        with pytest.raises(TargetConflict):
            router.apply(Desired(weights_bp=split(2500)), expect=expect, fence=FIRST)
        assert router.observe().weights_bp == split(5000)


class _Finalizing:
    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_leaves_the_weights(self, rig: Rig, outcome: Outcome) -> None:
        """Tidying up moves no traffic."""
        router = rig.open()
        put(rig, router, 2500, FIRST)
        router.finalize(outcome)
        assert router.observe().weights_bp == split(2500)


class RouterContract(_Observing, _Applying, _Fencing, _Finalizing):
    """Everything that davy relies on and that can be seen without traffic."""


class TrafficContract:
    """Requests are answered in the proportion that was applied; needs `Rig.count`."""

    def test_shares_are_what_was_asked(self, rig: Rig) -> None:
        """Requests are answered in the applied proportion: none, a part, all, none."""
        assert rig.count is not None
        router = rig.open()
        assert rig.count(200) == Counter(baseline=200)
        put(rig, router, 1000, Fence(rollout="r1", seq=1))
        self._assert_share(rig, 0.10)
        put(rig, router, 2500, Fence(rollout="r1", seq=2))
        self._assert_share(rig, 0.25)
        put(rig, router, 10_000, Fence(rollout="r1", seq=3))
        self._assert_share(rig, 1.0)
        put(rig, router, 0, Fence(rollout="r1", seq=4))
        self._assert_share(rig, 0.0)

    def _assert_share(self, rig: Rig, share: float) -> None:
        assert rig.count is not None
        low, high = binom.interval(1 - ONCE_IN_A_MILLION, REQUESTS, share)
        count = rig.count
        if rig.unasked:
            rig.wait(lambda: low <= count(REQUESTS)["candidate"] <= high, f"a share of {share:g}")
        counted = count(REQUESTS)
        assert counted["baseline"] + counted["candidate"] == REQUESTS, counted
        assert low <= counted["candidate"] <= high
