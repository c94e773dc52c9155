"""When was a table measured, and at which commit? The line under it, where its file says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any


def of_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """The line of rows that say it themselves, as `date` and `commit`; some or none may."""
    dates, commits = ([str(row.get(key, "")) for row in rows] for key in ("date", "commit"))
    return line(dates, commits)


def line(dates: Iterable[str], commits: Iterable[str]) -> str:
    """First and last day, and every commit in the order in which it comes; empty for neither.

    Args:
        dates: ISO days; empty ones are left out.
        commits: as git abbreviates them; empty ones are left out.
    """
    days = sorted(filter(None, dates))
    span = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
    states = ", ".join(dict.fromkeys(filter(None, commits)))
    told = ", ".join(filter(None, (span, f"at {states}" if states else "")))
    return f"\nMeasured {told}.\n" if told else ""


def day_of(at_ms: int) -> str:
    """The day (UTC) of a time in epoch milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
