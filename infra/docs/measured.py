"""What was measured, as tables: made from the files that the measurements leave in build/.

A table whose file is not there is None, and what is shown of it stays.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.docs import when
from infra.docs.markdown import table

BUILD = Path("build")
THREE_DIGITS = 100
SIGNS = {"higher": "≥", "lower": "≤"}
"""On which side of its bar a figure must be."""
FAULTS = ("errors", "slow", "drift", "accuracy", "conversion")
HEADLINES = (
    "davy",
    "davy, by the clock",
    "davy, batches of 10",
    "davy / plain Faust agent",
    "davy / Quix Streams",
    "davy / Kafka Streams",
    "davy / Kafka Streams, batches of 10",
    "davy / consume and drop",
    "two workers / one, the broker's CPU accounted",
    "close of a pane to its decision, p99",
    "end of a pane to its decision, p99",
    "decision to weight at Envoy, p99",
    "SDK: one call, p99",
    "SDK in a model server: p50 with / without",
    "SDK in a model server: CPU with / without",
    "a split in Envoy: p50 with / without",
    "a split in Envoy: CPU with / without",
    "CPU of an event: 100 cells / 2",
    "CPU of an event: 1000 cells / 2",
    "memory of a worker, by events",
    "judging a pane: 12 metrics, 3 arms",
)
"""Rows of the benchmark that the README shows."""


def demos() -> Iterator[dict[str, Any]]:
    """The last result of each fault."""
    for fault in FAULTS:
        path = BUILD / f"demo-{fault}.json"
        if path.exists():
            yield json.loads(path.read_text())


def demo_table() -> str | None:
    """Outcome and times per fault."""
    told = list(demos())
    rows = [
        (
            f"`make demo FAULT={demo['fault']}`",
            f"{good['outcome']} in {good['seconds']:.0f} s",
            bad["outcome"],
            f"{bad['seconds_from_first_faulty_response_to_share_0']:.1f} s",
            f"{bad['final_measured_share']:.0%}",
        )
        for demo in told
        for good, bad in [demo["rollouts"]]
    ]
    header = ("", "good candidate", "bad candidate", "first faulty answer to share 0", "share then")
    return table(header, rows) + _of_demos(told) if rows else None


def _of_demos(told: Iterable[dict[str, Any]]) -> str:
    """They tell the time of each decision, and of no commit."""
    rollouts = (rollout for demo in told for rollout in demo["rollouts"])
    days = [when.day_of(each["at_ms"]) for rollout in rollouts for each in rollout["decisions"]]
    return when.line(days, ())


def bench_table() -> str | None:
    """Every row of the benchmark, and of what it is a figure."""
    return _measured("bench.json", noted=True)


def speed_table() -> str | None:
    """The rows of the benchmark that tell most."""
    return _measured("bench.json", HEADLINES)


def load_table() -> str | None:
    """Every row of backlogs, floods and restarts."""
    return _measured("load.json")


def _measured(name: str, only: Sequence[str] = (), *, noted: bool = False) -> str | None:
    """All rows of a file as they stand there, or these alone in their order; with their notes."""
    path = BUILD / name
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    if only:
        named = {row["name"]: row for row in found}
        found = [named[each] for each in only if each in named]
    rows = [
        (
            row["name"],
            _amount(row["value"]),
            row["unit"],
            f"{SIGNS[row['better']]} {row['must']:,g}" if row["must"] else "",
            _rounds(row["rounds"]),
            *([row["note"]] if noted else []),
        )
        for row in found
    ]
    header = ("", "measured", "unit", "must", "rounds", *(["of"] if noted else []))
    return table(header, rows) + when.of_rows(found)


def _rounds(values: Sequence[float]) -> str:
    """How many, and from which to which.

    >>> _rounds([1.5]), _rounds([1.5, 1.25, 239_280.8])
    ('1', '3: 1.25 to 239,281')
    """
    span = f": {_amount(min(values))} to {_amount(max(values))}" if len(values) > 1 else ""
    return f"{len(values)}{span}"


def _amount(value: float) -> str:
    """Three digits are enough, and whole numbers above.

    >>> _amount(239_280.8), _amount(25.42), _amount(0.966)
    ('239,281', '25.4', '0.966')
    """
    return f"{value:,.0f}" if value >= THREE_DIGITS else f"{value:.3g}"


def statistics_table() -> str | None:
    """Per bar: how many figures hold, and the figure that is nearest to its bar, or misses it."""
    path = BUILD / "statistics.json"
    if not path.exists():
        return None
    figures = json.loads(path.read_text())
    bars: dict[str, list[dict[str, Any]]] = {}
    for row in figures:
        bars.setdefault(row["bar"], []).append(row)
    rows = []
    for bar, found in bars.items():
        tightest = max(found, key=_tightness)
        sign = SIGNS[tightest["better"]]
        held = sum(row["holds"] for row in found)
        rows.append(
            (
                bar,
                f"{held} of {len(found)}",
                tightest["scenario"],
                f"{tightest['value']:,.4g} {tightest['unit']}",
                f"{sign} {tightest['must']:,.4g}",
            )
        )
    header = ("bar", "hold", "the tightest", "measured", "must")
    return table(header, rows) + when.of_rows(figures)


def _tightness(row: dict[str, Any]) -> float:
    """How much of its bar a figure uses up: above 1 it misses."""
    part = (row["must"], row["value"]) if row["better"] == "higher" else (row["value"], row["must"])
    return part[0] / part[1] if part[1] else float(part[0] > 0)


def soak_table() -> str | None:
    """Per scenario, over all rounds: events, what is wrong with them, times until it went on."""
    path = BUILD / "soak.json"
    if not path.exists():
        return None
    told = json.loads(path.read_text())
    bars = told["bars"]
    found: dict[str, list[dict[str, Any]]] = {}
    for scenario in told["scenarios"]:
        found.setdefault(scenario["scenario"], []).append(scenario)
    rows = []
    for name, rounds in found.items():
        times = [f["recovery_s"] for each in rounds for f in each["faults"] if f["recovery_s"]]
        rows.append(
            (
                f"`{name}`",
                f"{sum(each['ok'] for each in rounds)} of {len(rounds)}",
                f"{sum(each['tally']['accepted'] for each in rounds):,}",
                str(sum(each["tally"][bar] for each in rounds for bar in bars)),
                f"{statistics.median(times):.1f}" if times else "",
                f"{max(times):.1f}" if times else "",
            )
        )
    header = ("scenario", "rounds that hold", "events", "violations", "median s", "longest s")
    faults = [fault for scenario in told["scenarios"] for fault in scenario["faults"]]
    days = [when.day_of(fault["at_ms"]) for fault in faults]
    return table(header, rows) + when.line(days, [told["versions"]["commit"]])
