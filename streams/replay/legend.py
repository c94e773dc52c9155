"""Which formula gave which field of a decision? Every figure of it is named here once.

A field without an entry is no figure: a name, a word, or a part that has fields of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from streams.replay.formulas import (
    BUDGET,
    COUNTS,
    DECISION,
    DISPERSION,
    DRIFT,
    FINDING,
    KAYENTA,
    LIMIT,
    OF_FIGURE,
    OF_HEALTH,
    PANES,
    Formula,
    Formulas,
)

_OF_VERDICT: Mapping[str, Formula] = MappingProxyType(
    {
        "finding": FINDING,
        "exposures": COUNTS,
        "events": COUNTS,
        "margin": LIMIT,
        "log_e_harm_threshold": BUDGET,
        "log_e_safe_threshold": BUDGET,
        "alpha_share": BUDGET,
        "first_pane": PANES,
        "last_pane": PANES,
        "dispersion": DISPERSION,
    }
)
OF_DECISION: Mapping[str, Formula] = MappingProxyType(
    dict.fromkeys(("action", "reason", "stage", "terminal", "weights_bp", "prev_hash"), DECISION)
)
OF_SHADOW: Mapping[str, Formula] = MappingProxyType(
    dict.fromkeys(("minutes", "score", "classification", "reason", "metrics"), KAYENTA)
)
OF_DRIFT: Mapping[str, Formula] = MappingProxyType(
    dict.fromkeys(("pane", "before", "after", "direction"), DRIFT)
)
_OF_FIGURE = frozenset({"value", "count"})
_OF_CHECK = frozenset({"ok", "log_e", "log_e_threshold", "observed", "expected"})


def of_verdict(field: str, used: Formulas) -> Formula | None:
    """The formula of a verdict's field, `used` being those of its kind; None for a word."""
    match field:
        case "estimate":
            return used.estimate
        case "low" | "high":
            return used.interval
        case "log_e_harm" | "log_e_safe":
            return used.test
        case _:
            return _OF_VERDICT.get(field)


def of_check(name: str, field: str) -> Formula | None:
    """The formula of a health check's field; None for a word, or for a check nobody knows."""
    kind, _, _ = name.partition(":")
    return OF_HEALTH.get(kind) if field in _OF_CHECK else None


def of_figure(name: str, field: str) -> Formula | None:
    """The formula of a shown figure's field; None for a word, or for a figure nobody knows."""
    return OF_FIGURE.get(name) if field in _OF_FIGURE else None
