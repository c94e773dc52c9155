"""`users.yaml` is judged as written: users count, and a bad candidate goes back by them alone."""

from __future__ import annotations

from streams.judge.decision_facts import Action
from streams.judge.monitors.units import Counted
from streams.spec.load import load_spec
from streams.spec.model import Unit
from tests.examples.test_examples import EXAMPLES
from tests.judge.users import Users, judged


class TestUsers:
    def test_a_candidate_that_fails_many_users_goes_back(self) -> None:
        spec = load_spec(EXAMPLES / "users.yaml").spec
        assert spec.unit is Unit.USER
        *_, last = judged(Users(seed=2, icc=0.05, users=900, ratio=10.0).log(), spec)
        assert last.action is Action.ROLLBACK
        assert last.verdicts[0].counted == Counted.FIRST_ERROR

    def test_users_who_fail_together_are_no_harm(self) -> None:
        spec = load_spec(EXAMPLES / "users.yaml").spec
        decisions = judged(Users(seed=2, icc=0.3, users=400).log(), spec)
        assert Action.ROLLBACK not in {decision.action for decision in decisions}
