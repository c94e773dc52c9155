"""Kayenta's own answers: its published cases and recorded runs of its judge."""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

from streams.judge.kayenta import judge_canary
from streams.judge.kayenta import metric as metric_module
from streams.judge.kayenta.config import Effect, MetricConfig
from streams.judge.kayenta.facts import Direction, Measure
from streams.judge.kayenta.mann_whitney import mann_whitney_shift, shifted_score
from streams.judge.kayenta.metric import judge_metric

DATA = Path(__file__).parent / "data"


@cache
def cases():
    return json.loads((DATA / "kayenta_cases.json").read_text())


@cache
def runs():
    text = (DATA / "kayenta_judge_runs.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def names(part):
    return [case["name"] for case in cases()[part]]


@pytest.mark.parametrize("place", range(180))
def test_recorded_run(place):
    """Every metric, every group, score, class and reason of one recorded run."""
    run = runs()[place]
    control, experiment = (
        {pair["name"]: pair[arm] for pair in run["pairs"]} for arm in ("control", "experiment")
    )
    limits = {"pass_score": run["pass"], "marginal_score": run["marginal"]}
    found = judge_canary(run["config"], control, experiment, **limits)
    told = {
        "metrics": [
            {"name": m.name, "classification": m.label, "reason": m.reason} for m in found.metrics
        ],
        "groups": found.groups,
        "score": found.score,
        "classification": found.grade,
        "reason": found.reason,
    }
    assert told == run["expected"]


def test_no_run_is_left_out():
    assert len(runs()) == 180


@pytest.mark.parametrize("place", range(22), ids=names("classifier"))
def test_published_classifier_case(place, monkeypatch):
    case = cases()["classifier"][place]
    asked = case["config"]
    monkeypatch.setattr(metric_module, "TOLERANCE", asked["tolerance"])
    monkeypatch.setattr(metric_module, "CONFIDENCE", asked["confLevel"])
    config = MetricConfig(
        name="metric",
        direction=Direction(asked["direction"].lower()),
        replace_nan=asked.get("nanStrategy") == "Replace",
        critical=asked["isCriticalMetric"],
        effect=Effect(
            measure=Measure(asked.get("effectSizeMeasure", "meanRatio")),
            allowed=tuple(asked.get("effectSizeThresholds", (1.0, 1.0))),
            critical=tuple(asked.get("criticalThresholds", (1.0, 1.0))),
        ),
    )
    found = judge_metric(config, case["control"], case["experiment"])
    expected = case["expected"]
    assert found.label == expected["classification"]
    assert found.critical == expected.get("critical", found.critical)
    assert math.isnan(found.ratio) or "deviation" not in expected


def test_no_case_is_left_out():
    assert (len(names("classifier")), len(names("mann_whitney"))) == (22, 4)


def samples(place, experiment, control):
    arrays = cases()["mann_whitney"][place]["arrays"]
    return np.array(arrays[experiment]), np.array(arrays[control])


def test_published_score():
    x, y = samples(0, "x", "y")
    found = [shifted_score(x, y, 0.0, shift) for shift in (0.0, 5.0)]
    assert found == pytest.approx([-1.229416, -35.80606], abs=1e-4)


def test_published_quantile():
    assert float(ndtri((1 - 0.98) / 2)) == pytest.approx(-2.326348, abs=1e-6)


@pytest.mark.parametrize(
    ("place", "arms", "confidence", "expected"),
    [
        (2, ("experimentData", "controlData"), 0.95, (6.0, 39.0, 22.5)),
        (3, ("experiment", "control"), 0.98, (-1.4808028936e-5, 1.808255910e-5, 1.808255910e-5)),
    ],
)
def test_published_interval(place, arms, confidence, expected):
    """The second is a bound that only Brent's own path reaches."""
    shift = mann_whitney_shift(*samples(place, *arms), confidence)
    assert (shift.low, shift.high, shift.estimate) == pytest.approx(expected, abs=1e-4)
    assert np.sign([shift.low, shift.high, shift.estimate]).tolist() == np.sign(expected).tolist()
