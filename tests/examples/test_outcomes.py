"""`labels.yaml` and `conversion.yaml`: what a candidate is worth shows later, and then counts."""

from pathlib import Path

import pytest

from streams.cli.show import decision_line
from streams.judge.decision_facts import Action
from streams.judge.explain import explain
from streams.spec.load import load_spec
from tests.judge.outcomes.world import Answers, OutcomeWorld, run, verdict
from tests.judge.world import START

FOLDER = Path(__file__).parents[2] / "infra" / "examples"
WINDOW_S = 120
USUAL = Answers(mean_delay_s=20.0)
SELLS = Answers(coverage=0.3, mean_delay_s=20.0)


def judged(name: str, candidate: Answers, baseline: Answers, seconds: int = 400):
    """A rollout of an example; requests are alike, what comes of them is not."""
    spec = load_spec(FOLDER / name).spec
    spec = spec.model_copy(update={"metrics": tuple(map(_attainable, spec.metrics))})
    world = OutcomeWorld(spec=spec, candidate=candidate, baseline=baseline, rate=400, whole=True)
    return run(world, seconds)


def _attainable(metric):
    """The world fails one request in a hundred."""
    return metric.model_copy(update={"floor": 0.95}) if metric.name == "success" else metric


class TestLabels:
    def test_as_many_right_answers_promote(self):
        last = judged("labels.yaml", USUAL, USUAL)[-1]
        assert last.action is Action.PROMOTE
        assert last.cut.pane - START > WINDOW_S

    def test_wrong_answers_roll_back_though_requests_are_alike(self):
        wrong = Answers(wrong=0.25, mean_delay_s=20.0)
        last = judged("labels.yaml", wrong, USUAL)[-1]
        assert last.action is Action.ROLLBACK
        assert "accuracy of candidate" in explain(last)
        assert "accuracy of label: baseline 9" in decision_line(last, 0)
        assert verdict(last, "recall:8").kind == "recall"


class TestConversion:
    @pytest.mark.parametrize(
        ("candidate", "action", "why"),
        [
            (SELLS, Action.PROMOTE, "no_harm_shown"),
            (Answers(coverage=0.2, mean_delay_s=20.0), Action.ROLLBACK, "conversion of candidate"),
            (
                Answers(coverage=0.3, mean_delay_s=20.0, value=10.0),
                Action.HOLD,
                "signal_harm: a person must look: revenue of candidate",
            ),
        ],
        ids=["as many", "fewer", "less"],
    )
    def test_the_same_and_fewer_and_less(self, candidate, action, why):
        last = judged("conversion.yaml", candidate, SELLS, seconds=300)[-1]
        assert last.action is action
        assert why in last.reason
