"""How is a figure of a verdict written for a person? One way, at the prompt and on every page.

Plain numbers in, text out: times, e-values, amounts in their unit, intervals.
"""

from __future__ import annotations

import datetime as dt
import math

PLAIN_E = 9_999.0
TINY_E = 0.01
ROUND_E = 10.0
ENDLESS = 1000.0  # a ratio to almost nothing

LEGEND = (
    "e-value: how many times more the data speak for (no) harm than against it; shown at the "
    "threshold behind `of`\n"
    "interval: 95 %, display, whole rollout or current weight; finding: by the tests, sharper, "
    "of the stage; may differ"
)
"""What stands under a table of verdicts."""


def moment(at_ms: int) -> str:
    """UTC, to the second; `-` for "not yet".

    >>> moment(1_790_000_000_999), moment(0)
    ('2026-09-21 14:13:20Z', '-')
    """
    if at_ms <= 0:
        return "-"
    try:
        at = dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC)
    except (OverflowError, ValueError, OSError):  # what a stranger wrote may be no time at all
        return f"{at_ms} ms"
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def finite(value: float | None) -> float | None:
    """The number, or None where there is none to tell (NaN, or no bound): JSON has neither.

    >>> finite(0.5), finite(math.inf), finite(math.nan), finite(None)
    (0.5, None, None, None)
    """
    return float(value) if value is not None and math.isfinite(value) else None


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
    """An e-value beside what it must reach; both are natural logarithms.

    >>> against(0.0, 6.397)
    '1.0 of 600'
    """
    return f"{e_value(log_e)} of {e_value(threshold)}"


def amount(value: float | None, unit: str) -> str:
    """A figure with its unit: `ratio`, `share` (0..1), `nats`, `ms`.

    >>> amount(1.5, "ratio"), amount(0.98, "share"), amount(0.9995, "share")
    ('1.50x', '98.0 %', '99.95 %')
    >>> amount(0.012, "nats"), amount(12.5, "ms"), amount(None, "nats")
    ('0.012 nats', '12.5 ms', '-')
    """
    return "-" if value is None else _with_unit(_number(value, unit), unit)


def interval(low: float | None, high: float | None, unit: str) -> str:
    """Both ends as far as they are known; an unknown end is not shown as one.

    >>> interval(0.4, 1.2, "ratio"), interval(0.4, None, "ratio"), interval(0.0, None, "ratio")
    ('0.40x .. 1.20x', 'at least 0.40x', '-')
    >>> interval(0.98, 0.999, "share"), interval(None, 0.034, "nats")
    ('98.0 .. 99.9 %', '0.000 .. 0.034 nats')
    """
    if high is None:
        return f"at least {amount(low, unit)}" if low else "-"
    return _with_unit(f"{_number(low or 0.0, unit)} .. {_number(high, unit)}", unit)


def _with_unit(text: str, unit: str) -> str:
    match unit:
        case "ratio":
            return text
        case "share":
            return f"{text} %"
        case _:
            return f"{text} {unit}"


def _number(value: float, unit: str) -> str:
    match unit:
        case "ratio":
            return f"{value:.2f}x" if value < ENDLESS else f"> {ENDLESS:.0f}x"
        case "share":
            text = f"{100 * value:.2f}"
            return text.removesuffix("0")
        case "ms":
            return f"{value:.1f}"
        case _:
            return f"{value:.3f}"
