"""The stage clock by hand-made spans."""

from __future__ import annotations

import pytest

from streams.judge.stages import StageClock, falls_short, same_weights
from streams.judge.weights import Span, Weights

DESIRED = (9_500, 500)


def span(weights: Weights = DESIRED, confirmed_ms: int = 8_000) -> Span:
    return Span(weights=weights, changed_ms=2_000, since_ms=2_000, confirmed_ms=confirmed_ms)


def clock() -> StageClock:
    return StageClock(stage=0, decided_ms=1_000, exposures=[0])


class TestProgress:
    """Time counts from the application, and only as far as it is confirmed."""

    def test_counts_confirmed_time(self) -> None:
        progress = clock().progress(DESIRED, span(), now_ms=10_000)
        assert (progress.applied, progress.confirmed_s, progress.elapsed_s) == (True, 6.0, 8.0)

    def test_confirmation_ahead_of_the_watermark_is_no_time_yet(self) -> None:
        assert clock().progress(DESIRED, span(), now_ms=3_000).confirmed_s == 1.0

    def test_other_weights_are_no_time_at_all(self) -> None:
        progress = clock().progress(DESIRED, span((9_900, 100)), now_ms=10_000)
        assert (progress.applied, progress.short, progress.confirmed_s) == (False, True, 0.0)

    def test_without_routing_only_the_wait_is_known(self) -> None:
        progress = clock().progress(DESIRED, None, now_ms=10_000)
        assert (
            progress.applied,
            progress.short,
            progress.confirmed_s,
            progress.elapsed_s,
        ) == (False, True, 0.0, 9.0)

    def test_the_candidate_with_the_fewest_counts(self) -> None:
        two = StageClock(stage=0, exposures=[0, 0])
        two.count([5, 3])
        two.count([1, 1])
        desired = (9_000, 500, 500)
        assert two.progress(desired, span(desired), now_ms=3_000).exposures == 4

    def test_entering_a_stage_starts_afresh(self) -> None:
        running = clock()
        running.count([7])
        running.enter(1, 5_000)
        expected = {"stage": 1, "decided": 5_000, "exposures": [0], "banked": [0.0, 0.0]}
        assert running.to_state() == expected

    def test_taking_a_candidate_out_keeps_the_time(self) -> None:
        """Six seconds before, two after the weights changed once more."""
        running = clock()
        running.bank(running.progress(DESIRED, span(), now_ms=10_000), 10_000)
        changed = Span(weights=DESIRED, changed_ms=11_000, since_ms=11_000, confirmed_ms=13_000)
        progress = running.progress(DESIRED, changed, now_ms=20_000)
        assert (progress.confirmed_s, progress.elapsed_s) == (8.0, 17.0)


@pytest.mark.parametrize(
    ("applied", "desired", "same", "short"),
    [
        (500, 500, True, False),
        (195, 200, True, False),
        (117, 100, True, False),
        (2480, 2500, True, False),
        (0, 100, False, True),
        (600, 500, False, False),
        (1, 0, False, False),
        (3, 1, False, False),
    ],
)
def test_routers_may_round(applied: int, desired: int, same: bool, short: bool) -> None:  # noqa: FBT001
    """Weights in 256ths and in percent count as the basis points that were asked for."""
    weights = [(10_000 - bp, bp) for bp in (applied, desired)]
    assert (same, short) == (same_weights(*weights), falls_short(*weights))
