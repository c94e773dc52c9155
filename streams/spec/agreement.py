"""Do the parts of a spec agree with each other?

Each check raises ValueError `field: what — what to write instead`.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.spec.metric_facts import BY_REQUEST, PAIRED, Metric, Role
from streams.spec.outcome_facts import Outcome

MAX_UNIT_MARGINS = 4
"""Different margins of latency that a rollout may have where units are counted."""


def check_arms(names: Sequence[str], versions: Sequence[str]) -> None:
    """Arms are told apart; of all of them, baseline first."""
    if len(set(names)) < len(names):
        raise ValueError("candidates: give each a name of its own, other than 'baseline'")
    if len(set(versions)) < len(versions):
        raise ValueError("candidates: a candidate's version must differ from every other arm's")


def check_one(candidates: Sequence[object]) -> None:
    """What a revision stands for."""
    if len(candidates) > 1:
        raise ValueError(
            "revision: it names one candidate and there are several — leave it out; a "
            "controller may ask by each candidate's version"
        )


def check_live(metrics: Sequence[Metric]) -> None:
    """Where candidates are given live requests there are no pairs of answers."""
    paired = [metric.name for metric in metrics if metric.kind in PAIRED]
    if paired:
        raise ValueError(f"metrics: {paired} compare pair by pair, which needs mode: shadow")


def check_names(metrics: Sequence[Metric], outcomes: Sequence[Outcome]) -> None:
    """Metrics and outcomes are told apart, and what is asked of an outcome finds it."""
    awaited = [outcome.name for outcome in outcomes]
    if len(set(awaited)) < len(awaited):
        raise ValueError(f"outcomes: each needs a name of its own, got {awaited}")
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise ValueError(f"metrics: each needs a name of its own, got {names}")
    strange = {metric.outcome for metric in metrics} - {None, *awaited}
    if strange:
        raise ValueError(f"metrics: no outcome is called {', '.join(map(str, strange))}")


def check_users(metrics: Sequence[Metric], latency_margins: Sequence[float]) -> None:
    """What can be counted by user; `latency_margins` are the different ones."""
    if len(latency_margins) > MAX_UNIT_MARGINS:
        raise ValueError(
            f"metrics: where users are counted, latencies have at most {MAX_UNIT_MARGINS} "
            f"different margins, got {latency_margins} (an absolute limit counts as 0)"
        )
    guardrails = (metric for metric in metrics if metric.role is Role.GUARDRAIL)
    by_request = [m.name for m in guardrails if m.generative or m.kind in BY_REQUEST]
    if by_request:
        raise ValueError(
            f"unit: {by_request[0]} counts requests, and those of one user are alike — "
            f"make it a signal, or write `unit: request`"
        )
