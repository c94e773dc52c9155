"""Bursts in one arm: measured in the baseline, and what was harm by accident is none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from streams.judge.monitors.dispersion import Dispersion
from streams.spec.model import Overdispersion
from tests.judge.alone import Alone
from tests.judge.world import ERRORS

METRIC = ERRORS.model_copy(update={"floor": None})


def watch(kind: Overdispersion) -> Alone:
    return Alone(METRIC, overdispersion=kind)


def bursts(minutes: int, seed: int) -> Iterator[np.ndarray]:
    """Per minute 600 requests an arm; in one of ten minutes an arm fails alone."""
    rng = np.random.default_rng(seed)
    for _ in range(minutes):
        rates = np.where(rng.random(2) < 0.1, 0.2, 0.02)
        yield np.stack([np.full(2, 600), rng.binomial(600, rates)], axis=1)


class TestMeasured:
    """The spec's `overdispersion: measured`."""

    def test_bursts_alone_are_no_harm(self) -> None:
        """Twenty like candidates, six hours each: untempered, most are called harmful."""
        harmful = {}
        for kind in Overdispersion:
            judged = [watch(kind) for _ in range(20)]
            for seed, one in enumerate(judged):
                for minute, counts in enumerate(bursts(360, seed)):
                    one.fold(counts, 60.0 * minute)
            harmful[kind] = sum(one.watch.harmful for one in judged)
        assert harmful[Overdispersion.NONE] >= 10
        assert harmful[Overdispersion.MEASURED] <= 1

    def test_nothing_is_said_before_it_is_known(self) -> None:
        one = watch(Overdispersion.MEASURED)
        for minute in range(40):
            one.fold(np.array([[600, 0], [600, 300]]), 60.0 * minute)
        assert not one.watch.harmful

    def test_real_harm_is_found_and_the_dispersion_told(self) -> None:
        one = watch(Overdispersion.MEASURED)
        for minute, counts in enumerate(bursts(120, 3)):
            counts[1, 1] += 300
            one.fold(counts, 60.0 * minute)
        assert one.watch.harmful
        assert one.verdict().dispersion > 10


class TestDispersion:
    """Blocks of a minute."""

    @pytest.mark.parametrize("events", [6, 60])
    def test_steady_events_need_no_tempering(self, events: int) -> None:
        measured = Dispersion()
        for minute in range(60):
            measured.add(600, events, 60.0 * minute)
        assert measured.phi == 1.0

    def test_a_restart_goes_on(self) -> None:
        straight, restarted = Dispersion(), Dispersion()
        for minute, counts in enumerate(bursts(70, 4)):
            for one in (straight, restarted):
                one.add(*counts[0].tolist(), 60.0 * minute)
            again = Dispersion()
            again.restore(json.loads(json.dumps(restarted.to_state())))
            restarted = again
        assert restarted.to_state() == straight.to_state()
