"""What the judge's last decision says is told to Prometheus, as long as its rollout lives."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from streams.agents.analysis import MOST_ROWS, analysis
from streams.agents.meters import Meters
from streams.agents.progress import JudgedFacts
from streams.judge.decision_facts import Action, Decision, Finding, HealthCheck, Verdict
from streams.judge.facts import Cut

ALL = 'arm="candidate",metric="errors",rollout="digits-v2",segment="all",service="digits"'

BASELINE = ALL.replace("candidate", "baseline")
FINDING = ALL.replace(",metric", ',finding="undecided",metric')


def verdict(**more: Any) -> Verdict:
    facts: dict[str, Any] = {
        "metric": "errors",
        "kind": "errors",
        "role": "guardrail",
        "segment": "all",
        "candidate": "candidate",
        "finding": Finding.UNDECIDED,
        "reason": "not_enough_data",
        "unit": "ratio",
        "estimate": 1.5,
        "low": 0.5,
        "high": None,
        "margin": 2.0,
        "log_e_harm": 1.25,
        "log_e_harm_threshold": 5.0,
        "log_e_safe": -0.5,
        "log_e_safe_threshold": 3.0,
        "alpha_share": 0.005,
        "exposures": {"baseline": 90, "candidate": 10},
        "events": {"baseline": 2, "candidate": 1},
        "first_pane": 0,
        "last_pane": 9,
    }
    return Verdict(**facts | more)


def judged(*verdicts: Verdict) -> JudgedFacts:
    check = HealthCheck(
        name="silence",
        ok=False,
        reason="",
        log_e=0,
        log_e_threshold=0,
        observed=None,
        expected=None,
    )
    last = Decision(
        rollout="digits-v2",
        decision_id="d",
        seq=3,
        spec_hash="h",
        action=Action.ADVANCE,
        reason="min_time: wait",
        stage=0,
        terminal=False,
        weights_bp={"all": {"baseline": 7500, "candidate": 2500}},
        verdicts=verdicts,
        health=(check, check),
        pane_ms=1000,
        cut=Cut(pane=9),
        steps=(),
        prev_hash="",
    )
    return JudgedFacts(rollout="digits-v2", service="digits", pane=9, lease_s=0.1, last=last)


def told(*facts: JudgedFacts) -> dict[str, float]:
    """Name with labels -> value, as a page says it."""

    class Collected:
        def collect(self) -> Any:
            return analysis(facts)

    registry = CollectorRegistry()
    registry.register(Collected())
    page = generate_latest(registry).decode()
    found = re.findall(r"^(davy\S+) (\S+)$", page, re.MULTILINE)
    assert len(found) == len(dict(found))
    return {name: float(value) for name, value in found}


class TestDecision:
    def test_every_figure_of_a_verdict(self) -> None:
        assert told(judged(verdict())) == {
            'davy_rollout_stage{rollout="digits-v2",service="digits"}': 0,
            'davy_rollout_verdicts_left_out{rollout="digits-v2",service="digits"}': 0,
            f'davy_rollout_metric_analysis{{{ALL},unit="ratio"}}': 1.5,
            f'davy_rollout_metric_low{{{ALL},unit="ratio"}}': 0.5,
            f'davy_rollout_metric_margin{{{ALL},unit="ratio"}}': 2.0,
            f"davy_rollout_log_e_harm{{{ALL}}}": 1.25,
            f"davy_rollout_log_e_harm_limit{{{ALL}}}": 5.0,
            f"davy_rollout_log_e_safe{{{ALL}}}": -0.5,
            f"davy_rollout_log_e_safe_limit{{{ALL}}}": 3.0,
            f"davy_rollout_metric_finding{{{FINDING}}}": 1,
            f"davy_rollout_metric_exposures{{{ALL}}}": 10,
            f"davy_rollout_metric_exposures{{{BASELINE}}}": 90,
        }

    def test_it_goes_with_its_rollout(self) -> None:
        """A rollout that is not judged here, or not yet, has no rows at all."""
        assert told() == {}
        assert told(replace(judged(), last=None)) == {}

    def test_the_baseline_of_several_candidates_is_told_once(self) -> None:
        two = (verdict(candidate="a", exposures={"baseline": 5, "a": 1}), verdict(candidate="b"))
        found = told(judged(*two))
        arms = [name for name in found if "exposures" in name and 'arm="baseline"' in name]
        assert [found[name] for name in arms] == [90]

    def test_what_its_facts_say_of_health(self) -> None:
        facts = judged()
        assert (facts.seq, facts.failed) == (3, ("silence",))
        assert (replace(facts, last=None).seq, replace(facts, last=None).failed) == (0, ())


class TestBounds:
    def test_the_whole_comes_before_its_slices(self) -> None:
        """However many slices there are, rows are bounded, and what is left out is told."""
        slices = [verdict(segment=f"country={number:04d}") for number in range(MOST_ROWS + 50)]
        found = told(judged(*slices, verdict()))
        rows = [name for name in found if name.startswith("davy_rollout_log_e_harm{")]
        assert len(rows) == MOST_ROWS
        assert f"davy_rollout_log_e_harm{{{ALL}}}" in rows
        left_out = 'davy_rollout_verdicts_left_out{rollout="digits-v2",service="digits"}'
        assert found[left_out] == 51


class TestLatency:
    def test_from_the_panes_end_to_the_log(self) -> None:
        """Event time may lie ahead of this clock: that counts as no time at all."""
        meters, decision = Meters(), judged().last
        assert decision is not None
        meters.decided(decision)  # of a pane that ended in 1970
        meters.decided(replace(decision, cut=Cut(pane=10_000_000_000)))
        value = meters.registry.get_sample_value
        assert value("davy_judge_decision_seconds_bucket", {"le": "0.5"}) == 1
        assert value("davy_judge_decision_seconds_count") == 2
        assert value("davy_worker_decisions_total", {"action": "advance"}) == 2
