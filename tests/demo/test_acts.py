"""An act has ended well only when decision, target and measured traffic agree."""

from collections.abc import Callable

import pytest

from streams.demo.acts import Outcome, Result, View
from streams.demo.faults import Fault
from streams.judge.decision_facts import Action

MakeView = Callable[..., View]


def result(view: View) -> Result:
    return Result(view=view, first_fault_ms=1_000, last_answer_ms=5_500)


class TestView:
    def test_promoted(self, make_view: MakeView) -> None:
        """Decided, applied and measured."""
        view = make_view(Action.PROMOTE, share_bp=10_000, applied=1.0, measured=1.0)
        assert view.outcome is Outcome.PROMOTED
        assert view.settled

    @pytest.mark.parametrize(("applied", "measured"), [(0.25, 1.0), (1.0, 0.99), (None, None)])
    def test_a_decision_alone_is_no_end(
        self, make_view: MakeView, applied: float | None, measured: float | None
    ) -> None:
        """The target and the proxy's answers must follow."""
        view = make_view(Action.PROMOTE, share_bp=10_000, applied=applied, measured=measured)
        assert not view.settled

    def test_undecided(self, make_view: MakeView) -> None:
        """A share of 0 without a decision is no rollback."""
        view = make_view(Action.HOLD, share_bp=200, applied=0.0, measured=0.0)
        assert view.outcome is Outcome.UNDECIDED
        assert not view.settled


class TestResult:
    def test_wrong_outcome(self, make_view: MakeView) -> None:
        """A bad candidate that was promoted is not as expected, however settled."""
        view = make_view(
            Action.PROMOTE, share_bp=10_000, applied=1.0, measured=1.0, fault=Fault.ERRORS
        )
        assert not result(view).as_expected
        assert result(view).fault_to_zero_s is None

    def test_fault_to_zero(self, make_view: MakeView) -> None:
        """Seconds between the first faulty answer and the candidate's last."""
        view = make_view(Action.ROLLBACK, share_bp=0, applied=0.0, measured=0.0, fault=Fault.ERRORS)
        assert result(view).as_expected
        assert result(view).fault_to_zero_s == 4.5
