"""What people and programs are told: the table, the lines, the summary, the JSON."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from streams import figures
from streams.demo import summary
from streams.demo.acts import Result, Told, View, acts
from streams.demo.faults import Fault
from streams.demo.story import TEMPLATE
from streams.demo.table import HISTORY, PlainLines, render, show_on
from streams.judge.decision_facts import Action, HealthCheck
from streams.spec.load import parse_spec
from streams.spec.model import RolloutSpec

MakeView = Callable[..., View]


@pytest.fixture
def spec() -> RolloutSpec:
    """The demo's own spec of its first act."""
    text = acts(Fault.ERRORS)[0].spec_text(TEMPLATE, {"memory": {}})
    return parse_spec(text).spec


class TestFigures:
    @pytest.mark.parametrize(
        ("log_e", "text"),
        [(0.0, "1.0"), (-1.0, "0.37"), (6.68, "796"), (50.0, "10^21.7"), (-20.0, "< 0.01")],
    )
    def test_e_value(self, log_e: float, text: str) -> None:
        """Short at every size."""
        assert figures.e_value(log_e) == text

    @pytest.mark.parametrize(
        ("value", "unit", "text"),
        [
            (1.5, "ratio", "1.50x"),
            (5000.0, "ratio", "> 1000x"),
            (0.98, "share", "98.0 %"),
            (0.9249, "share", "92.49 %"),
            (0.012, "nats", "0.012 nats"),
            (None, "nats", "-"),
        ],
    )
    def test_amount(self, value: float | None, unit: str, text: str) -> None:
        """Each unit has its form."""
        assert figures.amount(value, unit) == text


class TestTable:
    def test_all_that_was_asked_for(self, make_view: MakeView, spec: RolloutSpec) -> None:
        """Stage, both shares, estimate, interval, e-values with thresholds, decision and why."""
        console = Console(file=io.StringIO(), width=140)
        console.print(
            render(make_view(Action.HOLD, share_bp=200, applied=0.02, measured=0.019), spec)
        )
        text = console.file.getvalue()
        for part in ("▸25 %", "100 %", "applied   2.0 %", "  1.9 %", "0.90x", "0.40x .. 1.20x"):
            assert part in text
        assert "60 of 20" in text
        assert "not lasted long enough" in text

    @pytest.mark.parametrize(
        ("low", "high", "text"),
        [
            (0.4, 1.2, "0.40x .. 1.20x"),
            (0.4, None, "at least 0.40x"),
            (None, 1.2, "0.00x .. 1.20x"),
            (0.0, None, "-"),
        ],
    )
    def test_interval(
        self, make_view: MakeView, low: float | None, high: float | None, text: str
    ) -> None:
        """An end that is not known is not shown as one."""
        view = make_view(Action.HOLD, share_bp=200, applied=0.02, measured=0.02)
        verdict = replace(view.told[-1].decision.verdicts[0], low=low, high=high)
        assert figures.interval(verdict.low, verdict.high, verdict.unit) == text

    def test_fits_a_terminal(self, make_view: MakeView, spec: RolloutSpec) -> None:
        """Nothing is cut at 120 columns."""
        console = Console(file=io.StringIO(), width=120)
        console.print(
            render(make_view(Action.HOLD, share_bp=200, applied=0.02, measured=0.019), spec)
        )
        assert "…" not in console.file.getvalue()


def drawn(view: View, spec: RolloutSpec, width: int = 120) -> list[str]:
    """The table's lines."""
    console = Console(file=io.StringIO(), width=width)
    console.print(render(view, spec))
    return console.file.getvalue().splitlines()


def check(name: str, *, ok: bool, reason: str) -> HealthCheck:
    return HealthCheck(
        name=name,
        ok=ok,
        reason=reason,
        log_e=0.0,
        log_e_threshold=0.0,
        observed=None,
        expected=None,
    )


class TestTableStandsStill:
    def test_columns_keep_their_places_as_figures_grow(
        self, make_view: MakeView, spec: RolloutSpec
    ) -> None:
        """From the first empty table to the largest figures."""
        view = make_view(Action.HOLD, share_bp=200, applied=None, measured=None)
        small = view.told[-1].decision.verdicts[0]
        big = replace(small, estimate=999.99, low=999.9, high=5e3, log_e_harm=1e2, log_e_safe=1e2)
        grown = replace(view.told[-1].decision, verdicts=(big,))
        after = replace(view, applied=1.0, measured=1.0, rate=1250.0)
        after = replace(after, told=(*view.told[:-1], replace(view.told[-1], decision=grown)))
        views = (replace(view, told=()), view, after)
        heads = {line for v in views for line in drawn(v, spec) if "estimate" in line}
        assert len(heads) == 1
        stages = [line for v in views for line in drawn(v, spec) if "answers/s" in line]
        assert len({line.index("answers/s") for line in stages}) == 1

    def test_e_values_are_explained(self, make_view: MakeView, spec: RolloutSpec) -> None:
        """Under the table, each in one line."""
        view = make_view(Action.HOLD, share_bp=200, applied=0.02, measured=0.02)
        lines = [line.strip("│ ") for line in drawn(view, spec)]
        assert set(figures.LEGEND.splitlines()) <= set(lines)


class TestDecisionsInTheTable:
    def test_none_is_lost(self, make_view: MakeView, spec: RolloutSpec) -> None:
        """Decisions in a row that say the same are one line with their numbers."""
        view = make_view(Action.HOLD, share_bp=200, applied=0.02, measured=0.02)
        first, hold = view.told
        holds = [replace(hold, decision=replace(hold.decision, seq=seq)) for seq in (2, 3, 4)]
        text = "\n".join(drawn(replace(view, told=(first, *holds)), spec))
        assert "0.0 s  #1 " in text
        assert "8.5 s  #2-#4 " in text

    def test_what_no_longer_fits_is_told(self, make_view: MakeView, spec: RolloutSpec) -> None:
        """Instead of a list that begins in the middle."""
        view = make_view(Action.HOLD, share_bp=200, applied=0.02, measured=0.02)
        hold = view.told[-1]
        told = tuple(
            Told(decision=replace(hold.decision, seq=seq, stage=seq % 2), at_ms=seq * 1000)
            for seq in range(1, HISTORY + 4)
        )
        assert "(#1-#3 came before these)" in "\n".join(drawn(replace(view, told=told), spec))


class TestHealthInTheTable:
    @pytest.mark.parametrize(
        ("routed", "text"),
        [("unknown", "silence is counted once the weights are applied"), ("applied", "for 5.5 s")],
    )
    def test_silence_before_the_first_weights_is_no_news(
        self, make_view: MakeView, spec: RolloutSpec, routed: str, text: str
    ) -> None:
        """A rollout's first panes are older than itself: its candidate had no traffic there."""
        view = make_view(Action.HOLD, share_bp=200, applied=None, measured=None)
        checks = (
            check("routing", ok=routed == "applied", reason=routed),
            check("silence", ok=False, reason="silent: has had none for 5.5 s"),
        )
        last = replace(view.told[-1], decision=replace(view.told[-1].decision, health=checks))
        found = "\n".join(drawn(replace(view, told=(view.told[0], last)), spec, width=200))
        assert text in found
        assert ("none for" in found) is (routed == "applied")


class TestPlainLines:
    def test_without_a_terminal(self) -> None:
        """A pipe gets lines."""
        assert isinstance(show_on(Console(file=io.StringIO())), PlainLines)

    def test_a_decision_is_told_once(self, make_view: MakeView, spec: RolloutSpec) -> None:
        """However often the view is shown."""
        console = Console(file=io.StringIO(), width=100)
        lines = PlainLines(console)
        view = make_view(Action.PROMOTE, share_bp=10_000, applied=1.0, measured=1.0)
        for _ in range(3):
            lines.view(view, spec)
        text = console.file.getvalue()
        assert text.count("decision 1:") == 1
        assert text.count("decision 2:") == 1
        assert text.count("measured 100.0 %") == 1


class TestSummary:
    def test_json(self, make_view: MakeView, tmp_path: Path) -> None:
        """Outcome, expected outcome, share, seconds and decisions of each rollout."""
        good = make_view(Action.PROMOTE, share_bp=10_000, applied=1.0, measured=1.0)
        bad = make_view(Action.ROLLBACK, share_bp=0, applied=0.0, measured=0.0, fault=Fault.ERRORS)
        results = [
            Result(view=good, first_fault_ms=None, last_answer_ms=9_000),
            Result(view=bad, first_fault_ms=1_000, last_answer_ms=3_500),
        ]
        told = summary.Summary(
            fault=Fault.ERRORS,
            broker="tansu",
            router="envoy",
            set_up_s=5.0,
            total_s=50.0,
            results=results,
        )
        assert told.ok
        summary.write(told, tmp_path / "demo.json")
        found = json.loads((tmp_path / "demo.json").read_text())
        first, second = found["rollouts"]
        assert (first["outcome"], first["expected_outcome"]) == ("promoted", "promoted")
        assert (second["outcome"], second["final_measured_share"]) == ("rolled back", 0.0)
        assert second["seconds_from_first_faulty_response_to_share_0"] == 2.5
        assert [d["action"] for d in first["decisions"]] == ["advance", "promote"]
        assert all(d["reason"] for d in first["decisions"])

    def test_nothing_is_not_ok(self) -> None:
        """No result is no success."""
        told = summary.Summary(
            fault=Fault.SLOW, broker="tansu", router="envoy", set_up_s=1.0, total_s=1.0, results=()
        )
        assert not told.ok


class TestSpec:
    @pytest.mark.parametrize("fault", [Fault.ERRORS, Fault.SLOW, Fault.DRIFT])
    def test_is_good(self, fault: Fault) -> None:
        """Both specs load, and keep production's error budgets and every default guardrail."""
        for act in acts(fault):
            loaded = parse_spec(act.spec_text(TEMPLATE, {"memory": {}})).spec
            assert (loaded.alpha_rollback, loaded.alpha_promote) == (0.01, 0.05)
            assert [stage.weight_bp for stage in loaded.stages] == [200, 2500, 10_000]
            names = {metric.name for metric in loaded.metrics}
            assert names == {"errors", "success", "p50", "p95", "p99", "classes"}
