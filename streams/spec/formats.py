"""How is a value of a spec printed? As `streams.spec.units` reads it back to the same value."""

from __future__ import annotations

import math
from decimal import Decimal

from streams.spec.units import SECONDS


def format_weight(basis_points: int) -> str:
    """`2%` for 200."""
    return f"{_text(Decimal(basis_points) / 100)}%"


def format_duration(seconds: float) -> str:
    """`1h 30m` for 5400."""
    left = _exact(seconds)
    parts = []
    for unit in ("d", "h", "m"):
        whole, left = divmod(left, SECONDS[unit])
        parts += [f"{int(whole)}{unit}"] if whole else []
    if left and left < 1 and not parts:
        return f"{_text(left * 1000)}ms"
    parts += [f"{_text(left)}s"] if left or not parts else []
    return " ".join(parts)


def format_milliseconds(milliseconds: float) -> str:
    """`300ms` for 300."""
    return f"{_text(_exact(milliseconds))}ms"


def format_margin(change: float) -> str:
    """`+25%` for .25."""
    return f"+{_text(_exact(change) * 100)}%"


def format_change(change: float) -> str:
    """`-2%` for -.02."""
    sign = "-" if math.copysign(1.0, change) < 0 else "+"
    return f"{sign}{_text(abs(_exact(change)) * 100)}%"


def format_share(part: float) -> str:
    """`99.5%` for .995."""
    return f"{_text(_exact(part) * 100)}%"


def format_number(number: float) -> str:
    """The shortest decimal without an exponent."""
    return _text(_exact(number))


def _exact(number: float) -> Decimal:
    return Decimal(repr(number))


def _text(number: Decimal) -> str:
    plain = format(number.normalize(), "f")
    return "0" if plain == "-0" else plain
