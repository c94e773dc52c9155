"""With `unit: user` the judge counts users, says so, and knows when it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from streams.judge.decision_facts import Decision, Finding
from streams.judge.explain import explain, explain_verdict
from streams.judge.facts import PaneInput
from streams.judge.monitors.units import Counted, FirstSlaReader, FirstSlowReader
from streams.judge.record import decision_from_record, decision_to_record
from streams.judge.rollout import RolloutJudge
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING, LogHistogram, margin_buckets
from streams.sketches.unit_cell import Slowest, UnitCell
from streams.spec.load import parse_spec
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import Unit
from streams.spec.render import render_spec
from tests.judge.users import PANE_MS, Users, judged, panes
from tests.judge.world import (
    CLASSES,
    CONFIDENCES,
    ERRORS,
    P95,
    SCORES,
    SUCCESS,
    TIMEOUTS,
    World,
    make_spec,
    run,
)

SLA = Metric(name="p99_sla", kind=MetricKind.LATENCY_SLA, quantile=0.99, limit_ms=100)
MIX = CLASSES.model_copy(update={"role": Role.SIGNAL})
SPEC = make_spec(unit=Unit.USER, metrics=(ERRORS, TIMEOUTS, SUCCESS, P95, SLA, MIX))


def last(decisions: list[Decision]) -> Decision:
    return decisions[-1]


class UserWorld(World):
    """Every request is of a user of its own, except for what `twist` changes."""

    twist: UnitCell = UnitCell()

    def pane(self, second: int) -> PaneInput:
        """Requests of one second."""
        pane = super().pane(second)
        for (_, arm), cell in pane.cells.items():
            cell.units = lone_users(cell, lowered=arm != "baseline")
            if arm == "baseline":
                cell.units.merge(self.twist)
        return pane


def lone_users(cell: Cell, *, lowered: bool) -> UnitCell:
    """Units of a cell whose requests have a user each; a candidate's latencies are lowered."""
    n, slowest = cell.exposures, {}
    for shift in {margin_buckets(metric.margin) for metric in (P95, SLA)}:
        lower = shift if lowered else 0
        after = LogHistogram()
        after.counts[: after.counts.size - lower] = cell.latency.counts[lower:]
        slowest[shift] = Slowest(before=histogram(*[0] * n), after=after)
    return UnitCell(
        seen=n, error_risk=n, errors=cell.errors, timeout_risk=n, timeouts=cell.timeouts,
        fresh=n, slowest=slowest,
    )  # fmt: skip


def histogram(*buckets: int) -> LogHistogram:
    found = LogHistogram()
    for bucket in buckets:
        found.counts[bucket] += 1
    return found


class TestEstimand:
    def test_every_verdict_says_what_was_counted(self) -> None:
        told = {
            v.metric: v.counted for v in last(judged(Users(seed=1, icc=0.1).log(), SPEC)).verdicts
        }
        assert told == {
            "errors": Counted.FIRST_ERROR,
            "timeouts": Counted.FIRST_TIMEOUT,
            "success": Counted.FIRST_ERROR,
            "p95": Counted.FIRST_SLOW,
            "p99_sla": Counted.FIRST_SLOW,
            "classes": Counted.REQUESTS,
        }

    def test_sentences_and_records_say_it_too(self) -> None:
        decision = last(judged(Users(seed=1, icc=0.02, users=600, ratio=10.0).log(), SPEC))
        errors = next(v for v in decision.verdicts if v.metric == "errors")
        assert errors.finding is Finding.HARM
        assert explain_verdict(errors).endswith(
            f"after {sum(errors.exposures.values())} exposures of users, "
            "until the first error of each"
        )
        assert "until the first error of each" in explain(decision)
        assert decision_from_record(decision_to_record(decision)) == decision

    def test_users_at_risk_and_first_errors_are_counted(self) -> None:
        log = Users(seed=3, icc=0.3).log()
        exposures, events = 0, 0
        erred: set[int] = set()
        for pane in panes(log, SPEC):
            rows = log.pane == pane.pane - 1_700_000_000_000 // PANE_MS
            users = set(log.user[rows].tolist()) - erred
            now = users & set(log.user[rows & (log.failed > 0)].tolist())
            exposures, events, erred = exposures + len(users), events + len(now), erred | now
        (errors, *_) = last(judged(log, SPEC)).verdicts
        # What waits in the open stratum is not in the test yet.
        assert 0 <= exposures - sum(errors.exposures.values()) < 50
        assert 0 <= events - sum(errors.events.values()) <= 3


class TestRollout:
    def test_a_good_candidate_is_promoted_by_users(self) -> None:
        spec = make_spec(unit=Unit.USER, metrics=(ERRORS, SUCCESS, P95))
        decisions = run(RolloutJudge(spec, 1000), UserWorld(spec=spec), 90)
        assert last(decisions).action == "promote"

    def test_state_round_trips_in_every_pane(self) -> None:
        spec = SPEC
        worlds = [UserWorld(spec=spec) for _ in range(2)]
        plain = run(RolloutJudge(spec, 1000), worlds[0], 30)
        again = run(
            RolloutJudge(spec, 1000),
            worlds[1],
            30,
            each=lambda judge: RolloutJudge.from_state(spec, judge.to_state()),
        )
        assert again == plain


class TestHealth:
    @pytest.mark.parametrize(
        ("twist", "reason"),
        [
            (UnitCell(lost=1), "too_many"),
            (UnitCell(crossed=20), "not_sticky"),
        ],
    )
    def test_units_that_cannot_be_counted_are_invalid(self, twist: UnitCell, reason: str) -> None:
        """Never harm, never a promotion."""
        spec = make_spec(unit=Unit.USER, metrics=(ERRORS, SUCCESS, P95))
        world = UserWorld(spec=spec)
        world.twist = twist
        decisions = run(RolloutJudge(spec, 1000), world, 90)
        check = next(c for c in last(decisions).health if c.name == "units")
        assert (check.ok, check.reason.partition(":")[0]) == (False, reason)
        assert {v.finding for v in last(decisions).verdicts} == {Finding.INVALID}
        assert last(decisions).action == "hold"

    def test_users_who_all_have_erred_are_told(self) -> None:
        spec = make_spec(unit=Unit.USER, metrics=(ERRORS, SUCCESS, P95))
        world = UserWorld(spec=spec)
        world.twist = UnitCell(seen=5000)
        check = next(c for c in last(run(RolloutJudge(spec, 1000), world, 30)).health
                     if c.name == "units")  # fmt: skip
        assert (check.ok, check.reason.partition(":")[0]) == (False, "worn_out")

    def test_where_requests_are_counted_nothing_is_said(self) -> None:
        spec = make_spec()
        decisions = run(RolloutJudge(spec, 1000), World(spec=spec), 5)
        assert "units" not in {check.name for check in last(decisions).health}

    def test_split_counts_users_who_come_for_the_first_time(self) -> None:
        """One busy user of the candidate is one user: as requests the split would look wrong."""
        spec = make_spec(unit=Unit.USER, metrics=(ERRORS,))

        class Busy(UserWorld):
            def pane(self, second: int) -> PaneInput:
                pane = super().pane(second)
                for (_, arm), cell in pane.cells.items():
                    cell.exposures *= 5 if arm == "candidate" else 1
                return pane

        decisions = run(RolloutJudge(spec, 1000), Busy(spec=spec), 60)
        (ratio,) = (c for c in last(decisions).health if c.name == "sample_ratio")
        assert ratio.ok


def slow_cell(shift: int, before: LogHistogram, after: LogHistogram, requests: int = 0) -> Cell:
    cell = Cell(units=UnitCell(slowest={shift: Slowest(before=before, after=after)}))
    cell.latency.counts[500] = requests
    return cell


class TestReaders:
    def test_tau_falls_and_never_rises(self) -> None:
        """A user who was above tau would be at risk again under a higher one."""
        reader = FirstSlowReader(0.5, 0.0)
        taus = []
        for bucket in (500, 520, 480, 510):
            cell = Cell()
            cell.latency.counts[bucket] = 2000
            reader.read(cell, Cell())
            taus.append(reader._tau)
        assert taus == sorted(taus, reverse=True)
        assert taus[0] != taus[-1]

    def test_first_slow_requests(self) -> None:
        """At risk are those never above tau before; events are those of them that are now."""
        reader = FirstSlowReader(0.5, 0.0)
        learnt = Cell()
        learnt.latency.counts[[490, 500]] = 1000
        reader.read(learnt, Cell())
        tau = reader._tau
        assert tau is not None
        cell = slow_cell(0, histogram(0, 0, tau + 5), histogram(tau, tau + 1, tau + 9))
        assert reader.read(cell, Cell()).tolist() == [[2, 1], [0, 0]]

    def test_over_a_limit(self) -> None:
        """Who was perhaps over it stays so: never fewer than there are."""
        reader = FirstSlaReader(100.0)
        edge = int(MAPPING.index(np.array(100.0)))
        cell = slow_cell(0, histogram(0, 0, edge), histogram(0, edge + 3, edge + 1))
        (at_risk, surely, perhaps), _ = reader.read(cell, Cell()).tolist()
        assert (at_risk, surely) == (3, 2)
        assert surely <= perhaps <= at_risk


class TestSpec:
    @pytest.mark.parametrize("metric", [CLASSES, SCORES, CONFIDENCES], ids=lambda m: m.name)
    def test_what_counts_requests_is_no_guardrail(self, metric: Metric) -> None:
        with pytest.raises(ValueError, match=f"{metric.name} counts requests.*make it a signal"):
            make_spec(unit=Unit.USER, metrics=(ERRORS, metric))

    def test_margins_that_do_not_fit_into_a_history(self) -> None:
        latencies = [P95.model_copy(update={"name": f"p{n}", "margin": n / 10}) for n in range(5)]
        with pytest.raises(ValueError, match="at most 4 different margins"):
            make_spec(unit=Unit.USER, metrics=(ERRORS, *latencies))

    def test_default_classes_are_a_signal(self) -> None:
        text = "service: s\nbaseline: v1\ncandidate: v2\nroute: memory\nunit: user\n"
        spec = parse_spec(text).spec
        assert {m.name: m.role for m in spec.metrics}["classes"] is Role.SIGNAL
        assert parse_spec(render_spec(parse_spec(text))).spec == spec
