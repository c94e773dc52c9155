"""How does the demo write shares, e-values and amounts for people?"""

from __future__ import annotations

import math

from streams.judge.facts import Decision, Finding, Verdict

PLAIN_E = 9_999.0
TINY_E = 0.01
ROUND_E = 10.0
ENDLESS = 1000.0  # a ratio to almost nothing


def share(value: float | None) -> str:
    """A share in 0..1 as percent.

    >>> share(0.02), share(None)
    ('2.0 %', '-')
    """
    return "-" if value is None else f"{100 * value:.1f} %"


def e_value(log_e: float) -> str:
    """An e-value from its natural logarithm.

    >>> e_value(0.0), e_value(6.68), e_value(50.0), e_value(-20.0)
    ('1.0', '796', '10^21.7', '< 0.01')
    """
    if log_e > math.log(PLAIN_E):
        return f"10^{log_e / math.log(10):.1f}"
    value = math.exp(log_e)
    if value < TINY_E:
        return f"< {TINY_E}"
    if value < 1:
        return f"{value:.2g}"
    return f"{value:.1f}" if value < ROUND_E else f"{value:.0f}"


def against(log_e: float, threshold: float) -> str:
    """An e-value beside what it must reach."""
    return f"{e_value(log_e)} of {e_value(threshold)}"


def amount(value: float | None, unit: str) -> str:
    """An estimate in its unit.

    >>> amount(1.5, "ratio"), amount(0.98, "share"), amount(0.012, "nats"), amount(None, "nats")
    ('1.50x', '98.0 %', '0.012', '-')
    """
    if value is None:
        return "-"
    match unit:
        case "ratio":
            return f"{value:.2f}x" if value < ENDLESS else f"> {ENDLESS:.0f}x"
        case "share":
            return share(value)
        case _:
            return f"{value:.3f}"


def interval(verdict: Verdict) -> str:
    """The anytime-valid interval, as far as it is known."""
    if not verdict.low and verdict.high is None:
        return "-"
    if verdict.high is None:
        return f"at least {amount(verdict.low, verdict.unit)}"
    return f"{amount(verdict.low or 0.0, verdict.unit)} .. {amount(verdict.high, verdict.unit)}"


def finding(verdict: Verdict) -> str:
    """What was found; where nothing was yet, why."""
    if verdict.finding in (Finding.UNDECIDED, Finding.INVALID):
        return verdict.reason.partition(":")[0].replace("_", " ")
    return verdict.finding.replace("_", " ")


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
