"""When has a metric of the baseline changed? Its means, pane by pane."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from river.drift import ADWIN

from streams.judge.drift.course import (
    CLOCK,
    DELTA,
    KEPT,
    MIN_EVENTS,
    PARTS,
    Change,
    Course,
    new_detector,
)

DAY = 86_400


def course_of(means: Iterator[float] | list[float], count: int = 200) -> list[Change | None]:
    """What a course says to panes of `count` requests with these shares."""
    course = Course(PARTS)
    return [course.add(round(mean * count) * PARTS, count) for mean in means]


class TestCourse:
    """Means of one metric."""

    def test_tells_a_change_once_with_the_means_on_both_sides(self) -> None:
        rng = np.random.default_rng(1)
        shares = np.concatenate([rng.binomial(200, p, 100) for p in (0.3, 0.6)]) / 200
        said = course_of(shares.tolist())
        (change,) = [each for each in said if each is not None]
        assert said.index(change) < 130
        assert change.before == pytest.approx(0.3 * PARTS, rel=0.03)
        assert change.after == pytest.approx(0.6 * PARTS, rel=0.03)

    def test_few_events_wait_for_more(self) -> None:
        course = Course(PARTS)
        for _ in range(MIN_EVENTS - 1):
            assert course.add(PARTS, 1) is None
        assert course.to_state()["means"] == []
        course.add(0, 1)
        assert course.to_state() == {"means": [PARTS - PARTS // MIN_EVENTS], "open": [0, 0]}

    def test_memory_is_bounded(self) -> None:
        course, rng = Course(PARTS), np.random.default_rng(2)
        for count in rng.binomial(200, 0.5, 3 * KEPT).tolist():
            course.add(count * PARTS, 200)
            assert len(course.to_state()["means"]) < KEPT

    def test_a_centred_one_looks_around_its_first_mean(self) -> None:
        far = Course(PARTS, centred=True)
        said = [far.add((40 + (day >= 60)) * PARTS * 200, 200) for day in range(120)]
        assert Change(before=40 * PARTS, after=41 * PARTS) in said

    def test_a_change_the_other_way_is_found_too(self) -> None:
        changes = [each for each in course_of([0.2] * 60 + [0.9] * 60 + [0.2] * 60) if each]
        assert [each.after > each.before for each in changes] == [True, False]

    def test_its_detector_is_the_public_adwin(self) -> None:
        """Mean by mean, with changes: what is imported is but the core of river's class."""
        adwin, rng, changes = ADWIN(delta=DELTA, clock=CLOCK), np.random.default_rng(5), 0
        detector = new_detector()
        for mean in (rng.binomial(100, np.repeat([0.2, 0.5, 0.4, 0.8], 150)) / 100).tolist():
            adwin.update(mean)
            found = detector.update(mean)
            assert found == adwin.drift_detected
            if found:
                detector, changes = new_detector(), changes + 1
        assert changes == 3

    @pytest.mark.property
    @pytest.mark.parametrize("seed", range(3))
    def test_state_restores_exactly_at_every_pane(self, seed: int) -> None:
        """Also across the loss of the older half, and across changes."""
        rng = np.random.default_rng(seed)
        levels = np.repeat(rng.uniform(0.2, 0.8, 4), [700, 60, 300, 90])
        panes = [(int(rng.binomial(n, p)), int(n)) for p in levels for n in [rng.integers(40, 400)]]
        straight, broken = Course(PARTS), Course(PARTS)
        said = []
        for count, n in panes:
            stored = json.dumps(broken.to_state())
            broken = Course(PARTS)
            broken.restore(json.loads(stored))
            assert json.dumps(broken.to_state()) == stored
            said.append((straight.add(count * PARTS, n), broken.add(count * PARTS, n)))
        assert any(one is not None for one, _ in said)
        assert [one for one, _ in said] == [other for _, other in said]


class TestStationary:
    """False alarms are rare: a day of panes whose world stands still."""

    @pytest.mark.statistics
    @pytest.mark.parametrize(
        ("span", "share", "count"), [(5, 0.01, 200), (5, 0.05, 100), (1, 0.5, 100)]
    )
    def test_a_day_without_an_alarm(self, span: int, share: float, count: int) -> None:
        days = [_alarms(span, share, count, seed) for seed in range(3)]
        assert days == [0, 0, 0]

    def test_requests_per_pane_may_change_at_will(self) -> None:
        """A baseline that loses traffic to a candidate has the same means, from fewer requests."""
        rng, course = np.random.default_rng(4), Course(PARTS // 5)
        counts = [1_000] * 500 + [500] * 500 + [20] * 2_000
        said = [course.add(int(rng.binomial(n, 0.02)) * PARTS, n) for n in counts]
        assert not any(said)


def _alarms(span: int, share: float, count: int, seed: int) -> int:
    course, rng = Course(PARTS // span), np.random.default_rng(seed)
    failed = rng.binomial(count, share, DAY).tolist()
    return sum(course.add(events * PARTS, count) is not None for events in failed)
