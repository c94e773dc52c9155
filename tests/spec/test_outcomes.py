"""What is awaited of predictions, which metrics ask for it, and what is refused at its line."""

import pytest

from streams.errors import SpecError
from streams.spec.load import parse_spec
from streams.spec.metric_facts import Harm, MetricKind, Role
from streams.spec.outcome_facts import OutcomeKind, Probability

FACTS = "service: digits\nbaseline: v1\ncandidate: v2\nroute: memory\n"
LABEL = "outcomes: {label: {kind: label, window: 10m}}\n"
KPIS = "outcomes: {sale: {kind: rate, window: 1d}, spent: {kind: mean, window: 1d}}\n"


def metrics(text):
    return {m.name: m for m in parse_spec(FACTS + text).spec.metrics if m.outcome}


class TestReading:
    def test_an_outcome_says_its_kind_and_its_window(self):
        (outcome,) = parse_spec(FACTS + LABEL).spec.outcomes
        assert (outcome.kind, outcome.window_s, outcome.delivery_s) == (OutcomeKind.LABEL, 600, 0)
        assert outcome.probability is Probability.CONFIDENCE

    def test_accuracy_is_a_guardrail_of_labels_unless_it_is_off(self):
        (found,) = metrics(LABEL).values()
        assert (found.name, found.kind, found.role) == (
            "accuracy",
            MetricKind.MISTAKES,
            Role.GUARDRAIL,
        )
        assert (found.margin, found.outcome) == (0.05, "label")
        assert metrics(LABEL + "guardrails: {accuracy: off}\n") == {}
        assert metrics(LABEL + "signals: {accuracy: 2%}\n")["accuracy"].role is Role.SIGNAL

    def test_business_metrics_are_watched_only_by_name(self):
        assert metrics(KPIS) == {}
        found = metrics(KPIS + "guardrails: {sale: -2%}\nsignals: {spent: +3%}\n")
        assert (found["sale"].harm, found["sale"].margin) == (Harm.LESS, 0.02)
        assert (found["spent"].harm, found["spent"].margin) == (Harm.MORE, 0.03)

    def test_the_floor_of_accuracy_is_a_rule_of_its_own(self):
        found = metrics(LABEL + "guardrails: {accuracy: {margin: 10%, floor: 90%, weight: 2}}\n")
        assert found["accuracy"].floor is None
        assert found["accuracy_floor"].kind is MetricKind.ACCURACY
        assert (found["accuracy_floor"].floor, found["accuracy_floor"].weight) == (0.9, 2)

    def test_recall_is_one_metric_for_each_class(self):
        text = "outcomes: {label: {kind: label, window: 10m, classes: [cat, dog]}}\n"
        found = metrics(text + "guardrails: {recall: 10%, recall:dog: 30%}\n")
        assert {m.label: m.margin for m in found.values() if m.label} == {"cat": 0.1, "dog": 0.3}


REFUSED = {
    "guardrails: {accuracy: 2%}\n": "accuracy needs labels",
    "guardrails: {sale: -2%}\n": "unknown metric `sale`",
    KPIS + "guardrails: {sales: -2%}\n": "did you mean `sale`",
    KPIS + "guardrails: {sale: 2%}\n": "no change with a side",
    KPIS + "guardrails: {sale: -100%}\n": "nothing is left",
    LABEL + "guardrails: {recall: 2%}\n": "recall of which classes",
    LABEL + "guardrails: {accuracy_floor: {}}\n": "accuracy_floor has no floor",
    LABEL + "guardrails: {auc: 2%}\n": "no metric to test",
    "outcomes: {label: {kind: label, window: 1h, classes: [a, b]}}\nsignals: {recall:c: 1%}\n": (
        "`c` is no class of label"
    ),
    "outcomes: {a: {kind: label, window: 1h, classes: [x, x]}}\n": "stands twice",
    "outcomes: {a: {kind: label, window: 1h, classes: [x], positive: y}}\n": "`y` is no class",
    "outcomes: {a: {kind: label, window: 1h, range: [0, 1]}}\n": "unknown key `range`",
    "outcomes: {a: {kind: label, window: 1h}, b: {kind: label, window: 1h}}\n": "second label",
    "outcomes: {a: {kind: rate}}\n": "no `window`",
    "outcomes: {a: {window: 1h}}\n": "no `kind`",
    "outcomes: {a: {kind: count, window: 1h}}\n": "no kind of outcome",
    "outcomes: {a: {kind: rate, window: 5ms}}\n": "shorter than 1s",
    "outcomes: {a: {kind: rate, window: 1h, explicit: perhaps}}\n": "neither true nor false",
    "outcomes: {a: {kind: mean, window: 1h, range: [1, 5]}}\n": "counts as 0",
    "outcomes: {a: {kind: mean, window: 1h, range: 5}}\n": "write a list",
    "outcomes: {p99: {kind: rate, window: 1h}}\n": "as a metric is",
    "outcomes: {accuracy: {kind: label, window: 1h}}\n": "as a metric is",
    "outcomes: {ttft_p95: {kind: rate, window: 1h}}\n": "as a metric is",
    "outcomes: {disagreement: {kind: rate, window: 1h}}\n": "as a metric is",
    "outcomes: {a: {kind: label, window: 1h, classes: []}}\n": "classes is empty",
    f"outcomes: {{a: {{kind: label, window: 1h, classes: {[*range(1001)]}}}}}\n": (
        "a has 1001 classes — declare at most 1000"
    ),
    f"outcomes: {{{', '.join(f'o{n}: {{kind: rate, window: 1h}}' for n in range(33))}}}\n": (
        "o32 is one more than 32 outcomes"
    ),
    f"outcomes: {{a: {{kind: mean, window: 1h, range: [0, {'9' * 26}]}}}}\n": (
        "goes beyond 1000000000 — publish the values in a larger unit"
    ),
    "outcome_sample: 5%\n": "without outcomes",
    LABEL + "outcome_sample: 0%\n": "no part of the requests",
}


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_what_cannot_be_answered_is_refused_at_its_line(text, why):
    with pytest.raises(SpecError, match=why) as failure:
        parse_spec(FACTS + text, name="spec.yaml")
    line = 4 + text.count("\n")
    assert str(failure.value).startswith(f"spec.yaml:{line}: ")
