"""How does the demo write shares, findings and times for people?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.judge.decision_facts import Decision, Finding, HealthCheck, Verdict

NOT_YET = "is counted once the weights are applied"


def share(value: float | None) -> str:
    """A share in 0..1 as percent.

    >>> share(0.02), share(None)
    ('2.0 %', '-')
    """
    return "-" if value is None else f"{100 * value:.1f} %"


def finding(verdict: Verdict) -> str:
    """What was found; where nothing was yet, why."""
    if verdict.finding in (Finding.UNDECIDED, Finding.INVALID):
        return verdict.reason.partition(":")[0].replace("_", " ")
    return verdict.finding.replace("_", " ")


def health(checks: Sequence[HealthCheck]) -> Iterator[tuple[str, str, str]]:
    """Name, what is told and its style, of each check.

    A rollout's first panes are older than the rollout: an arm that the router does not send
    anything to yet is silent in them as it must be.
    """
    routed = all(check.ok for check in checks if check.name == "routing")
    for check in checks:
        if check.ok:
            yield check.name, "ok", "green"
        elif check.name == "silence" and not routed:
            yield check.name, NOT_YET, "dim"
        else:
            yield check.name, check.reason, "magenta"


def why(decision: Decision) -> str:
    """The reason's sentence without its code."""
    code, _, sentence = decision.reason.partition(": ")
    return sentence or code


def clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock(83.4)
    '1:23'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
