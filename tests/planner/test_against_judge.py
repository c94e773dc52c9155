"""Does the judge, fed request by request, do what the planner foresaw?"""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from streams.judge.decision_facts import Action
from streams.planner.facts import Harm, HarmKind, Outlook
from streams.spec.metric_facts import MetricKind
from streams.spec.model import RolloutSpec
from tests.planner.specs import (
    CLASSES,
    ERRORS,
    SUCCESS,
    latency,
    make_spec,
    more_errors,
    outlook,
    slower,
    traffic,
)
from tests.planner.world import Answers, Ending, judged

pytestmark = pytest.mark.statistics
TOLERANCE = 0.15
CASES = 1000
FLOORED = ERRORS.model_copy(update={"margin": 0.5, "floor": 0.02})


@dataclass(frozen=True, kw_only=True)
class Setting:
    spec: RolloutSpec
    rps: float
    harm: Harm
    p_error: float = 0.02
    onset: int = 0
    """Stage with which the harm begins."""
    seeds: int = 60

    def foreseen(self) -> Outlook:
        return outlook(self.spec, traffic(self.rps, self.p_error), self.harm, cases=CASES)

    def real_s(self) -> float:
        """Median of the judge's seconds from the onset to the rollback."""
        good, bad = Answers(p_error=self.p_error), self._bad()
        ends = [
            judged(
                self.spec, self.rps, seed, good, lambda stage: bad if stage >= self.onset else good
            )
            for seed in range(self.seeds)
        ]
        return float(np.median([self._waited(end) for end in ends]))

    def _bad(self) -> Answers:
        if self.harm.kind is HarmKind.ERRORS:
            return Answers(p_error=self.p_error * self.harm.factor)
        return Answers(p_error=self.p_error, latency_ms=20.0 * self.harm.factor)

    def _waited(self, end: Ending) -> float:
        assert end.action is Action.ROLLBACK
        return end.seconds - (end.stage_begins[self.onset] - end.stage_begins[0])


SETTINGS = {
    "half of the traffic, few requests": Setting(
        spec=make_spec(ERRORS, weights=(5000,)), rps=40, harm=more_errors(4.0), seeds=100
    ),
    "5 %, a floor above today's rate": Setting(
        spec=make_spec(FLOORED, weights=(500,)),
        rps=800,
        harm=more_errors(4.0),
        p_error=0.01,
        seeds=100,
    ),
    "10 %, an absolute limit, shared budget": Setting(
        spec=make_spec(SUCCESS, ERRORS, weights=(1000,)), rps=100, harm=more_errors(4.0)
    ),
    "2 requests a second, long strata": Setting(
        spec=make_spec(ERRORS, weights=(3000,)), rps=2, harm=more_errors(8.0), p_error=0.05
    ),
    "1 %, rare requests": Setting(
        spec=make_spec(ERRORS, weights=(100,)), rps=300, harm=more_errors(6.0)
    ),
    "slower, two quantiles at once": Setting(
        spec=make_spec(latency(0.5), latency(0.95), weights=(2000,)),
        rps=25,
        harm=slower(1.3),
        seeds=40,
    ),
    "the harm begins with the second stage": Setting(
        spec=make_spec(ERRORS, weights=(500, 2000), lasts_s=30.0),
        rps=100,
        harm=more_errors(4.0),
        onset=1,
        seeds=40,
    ),
}


class TestTimeToDetect:
    """Half of the judge's rollbacks come within 15 % of the time that was foreseen."""

    @pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
    def test_median_is_foreseen(self, setting: Setting) -> None:
        found = next(d for d in setting.foreseen().detections if d.leg.index == setting.onset)
        real_s = setting.real_s()
        ratio = found.spread.half_s / real_s
        assert abs(math.log(ratio)) <= math.log1p(TOLERANCE), (found.spread.half_s, real_s)


class TestTimeToPromote:
    """Half of the good candidates are promoted within 15 % of the time that was foreseen."""

    def test_median_is_foreseen(self) -> None:
        wide = ERRORS.model_copy(update={"margin": 1.0})
        metrics = (wide, SUCCESS, latency(0.5, 0.3), latency(0.95, 0.3), CLASSES)
        spec = make_spec(*metrics, weights=(5000,), lasts_s=3.0)
        foreseen = outlook(spec, traffic(100), more_errors(3.0), cases=CASES).promotion
        good = Answers(p_error=0.02, classes=10)
        ends = [judged(spec, 100, seed, good, lambda _stage: good) for seed in range(40)]
        real_s = float(np.median([end.seconds for end in ends if end.action is Action.PROMOTE]))
        assert foreseen.shown[0].metric.kind is MetricKind.ERRORS
        assert abs(math.log(foreseen.spread.half_s / real_s)) <= math.log1p(TOLERANCE)
