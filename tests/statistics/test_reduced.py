"""The bars at a tenth of the streams: what `make statistics` runs at 10^4.

Tolerances follow the number of streams. Bars that need all streams are left to the full run.
"""

import math

import pytest

from tests.statistics.facts import band
from tests.statistics.false_rollback import run_naive
from tests.statistics.fixed_sample import fixed_sample
from tests.statistics.runner import chosen, tasks
from tests.statistics.sample_ratio import alarms_on_a_ramp
from tests.statistics.segments import peaks

pytestmark = pytest.mark.statistics

STREAMS = 1_000
FEW = 100
"""For what runs whole rollouts one by one."""
NAMES = (
    "^1 false rollback: (?!12|naive)",
    "^2 ",
    "^5 divergence: ((A/A|.05) k = 10|equality|drift)",
    "^6 sample ratio",
    "^oracle",
)


@pytest.mark.parametrize("task", chosen("|".join(NAMES)), ids=lambda task: task.name)
def test_bar(task):
    missed = [figure for figure in task.run(STREAMS).figures if not figure.holds]
    assert missed == []


@pytest.mark.parametrize("task", chosen("latency"), ids=lambda task: task.name)
def test_latency_with_tau_as_the_judge_freezes_it(task):
    missed = [figure for figure in task.run(FEW).figures if not figure.holds]
    assert missed == []


@pytest.mark.parametrize("task", chosen("^drift"), ids=lambda task: task.name)
def test_drift(task):
    missed = [figure for figure in task.run(FEW).figures if not figure.holds]
    assert missed == []


def test_every_task_has_a_name_of_its_own():
    names = [task.name for task in tasks()]
    assert len(set(names)) == len(names)


class TestFailingForms:
    """What must not be done fires on the same streams: the scenarios are no empty proof."""

    def test_pooled_counts_on_a_ramp_with_a_shock(self):
        shares = {line.label: line.points[0][1] for line in run_naive(STREAMS).series}
        assert shares["ramp + common shock"] > 0.99
        assert shares["50/50"] > 2 * band(0.05, STREAMS)

    def test_slices_that_each_spend_the_whole_budget(self):
        anywhere = (peaks(STREAMS) >= -math.log(0.05)).any(axis=0)
        assert anywhere.mean() > band(0.05, STREAMS)

    def test_sample_ratio_without_a_guard(self):
        assert alarms_on_a_ramp(STREAMS, guard_s=0.0) > 0.15 * STREAMS


class TestFixedSample:
    @pytest.mark.parametrize(("ratio", "about"), [(2.0, 3_115), (5.0, 379), (10.0, 136)])
    def test_is_near_the_sample_of_given_events(self, ratio, about):
        assert fixed_sample(0.01, ratio, 0.01) == pytest.approx(about, rel=0.01)
