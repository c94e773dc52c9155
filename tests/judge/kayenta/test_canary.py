"""Rules of Kayenta's judge one by one, and configs that cannot be read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import SpecError
from streams.judge.kayenta import judge_canary
from streams.judge.kayenta.facts import Grade, Label

LOW = [10.0, 11.0, 12.0, 10.5, 11.5, 10.2, 11.1, 10.9]
HIGH = [20.0, 21.0, 22.0, 20.5, 21.5, 20.2, 21.1, 20.9]


def metric(name, groups=("all",), **canary):
    return {
        "name": name,
        "groups": list(groups),
        "analysisConfigurations": {"canary": {"direction": "increase"} | canary},
    }


def config(*metrics, **classifier):
    return {"metrics": list(metrics), "classifier": classifier}


def judged(canary_config, control, experiment):
    names = [m["name"] for m in canary_config["metrics"]]
    return judge_canary(
        canary_config, dict.fromkeys(names, control), dict(zip(names, experiment, strict=True))
    )


class TestScore:
    def test_groups_without_weight_share_the_rest(self):
        asked = config(
            metric("a", ["x"]), metric("b", ["y"]), metric("c", ["z"]), groupWeights={"x": 50}
        )
        result = judged(asked, LOW, [LOW, HIGH, LOW])
        assert (result.score, result.grade) == (75.0, Grade.MARGINAL)

    def test_muted_metrics_do_not_count(self):
        result = judged(config(metric("a"), metric("b", muted=True)), LOW, [LOW, HIGH])
        assert (result.metrics[1].label, result.score) == (Label.HIGH, 100.0)

    def test_half_without_data_fails(self):
        result = judged(config(metric("a"), metric("b")), LOW, [LOW, []])
        assert (result.score, result.grade) == (0.0, Grade.FAIL)
        assert result.reason == "Canary Failed: 50% or more metrics returned NODATA"

    def test_a_critical_metric_fails_all(self):
        result = judged(config(metric("a"), metric("b", critical=True)), LOW, [LOW, HIGH])
        assert result.reason == "Canary Failed: The metric b was classified as High (Critical)"

    def test_thresholds_of_the_config(self):
        asked = config(metric("a"), metric("b"), scoreThresholds={"pass": 40, "marginal": 20})
        assert judged(asked, LOW, [LOW, HIGH]).grade is Grade.PASS


class TestMetric:
    @pytest.mark.parametrize(
        ("canary", "label"),
        [
            ({}, Label.NODATA),
            ({"mustHaveData": True}, Label.NODATA_FAIL),
            ({"mustHaveData": True, "critical": True}, Label.NODATA),
            ({"nanStrategy": "replace"}, Label.PASS),
        ],
    )
    def test_without_data(self, canary, label):
        assert judged(config(metric("a", **canary)), LOW, [[]]).metrics[0].label is label

    def test_none_is_missing(self):
        result = judged(config(metric("a")), [*LOW, None], [[None, *LOW]])
        assert result.metrics[0].reason == "The Canary and Baseline data are identical"

    def test_one_value_each_cannot_be_compared(self):
        assert judged(config(metric("a")), [1.0], [[2.0]]).metrics[0].label is Label.ERROR

    def test_infinite_values_cannot_be_compared(self):
        result = judged(config(metric("a")), LOW, [[*HIGH, float("inf")]])
        assert result.metrics[0].label is Label.ERROR

    @pytest.mark.property
    @given(st.lists(st.floats(-1e6, 1e6), max_size=20), st.lists(st.floats(-1e6, 1e6), max_size=20))
    def test_swapped_arms_swap_the_label(self, control, experiment):
        """With the same direction both ways; missing data and errors stay what they are."""
        asked = config(metric("a", direction="either"))
        there = judged(asked, control, [experiment]).metrics[0].label
        back = judged(asked, experiment, [control]).metrics[0].label
        if {there, back} <= {Label.HIGH, Label.LOW}:
            assert there is not back
        else:
            assert {there, back} & {Label.PASS, Label.NODATA, Label.ERROR}


class TestConfig:
    @pytest.mark.parametrize(
        ("broken", "told"),
        [
            ({}, "`metrics` must be a list"),
            (config("cpu"), "metrics[0] must be an object with a `name`"),
            (config(metric("a"), metric("a")), "named twice: a"),
            (config(metric("a", critical="yes")), "`critical` must be true or false"),
            (config(metric("a", outliers={"outlierFactor": "3"})), "must be a number"),
            (
                config(metric("a", outliers={"strategy": "remove", "outlierFactor": 0})),
                "outlierFactor must be above 0",
            ),
            (config(metric("a", effectSize=[1])), "`effectSize` must be an object"),
            (config(metric("a", groups="x") | {"groups": "x"}), "must be a list of names"),
        ],
    )
    def test_is_refused_with_the_place(self, broken, told):
        with pytest.raises(SpecError, match=re.escape(told)):
            judge_canary(broken, {}, {})

    def test_a_series_without_metric_is_refused(self):
        with pytest.raises(SpecError, match="without a metric in the canary config: cpu"):
            judge_canary(config(metric("a")), {"cpu": LOW}, {})
