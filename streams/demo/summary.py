"""What came of it? A few lines for people, and the same as `build/demo.json` for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from streams.demo import words
from streams.demo.acts import Result, Told, candidate_share
from streams.demo.models import Fault
from streams.judge.explain import explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole demo."""

    fault: Fault
    broker: str
    set_up_s: float
    """Seconds until all parts ran."""
    total_s: float
    """Seconds from start to end, the set-up of the Python environment aside."""
    results: Sequence[Result]

    @property
    def ok(self) -> bool:
        """Whether every act ended as it had to."""
        return bool(self.results) and all(result.as_expected for result in self.results)


def table(summary: Summary) -> Table:
    """One row per rollout."""
    found = Table(title="what came of it", title_justify="left", header_style="dim")
    for name in ("rollout", "outcome", "expected", "share at the end", "fault to rollback", "took"):
        found.add_column(name, no_wrap=True)
    for result in summary.results:
        view, act = result.view, result.view.act
        style = "green" if result.as_expected else "bold red"
        fault_s = result.fault_to_zero_s
        found.add_row(
            f"{act.rollout} ({act.baseline} → {act.candidate}, fault: {act.fault})",
            Text(view.outcome, style=style),
            act.expected,
            words.share(view.measured),
            "-" if fault_s is None else f"{fault_s:.1f} s",
            f"{view.elapsed_s:.1f} s",
        )
    return found


def verdict_line(summary: Summary) -> str:
    """The last line."""
    end = "both as they had to be" if summary.ok else "NOT as it had to be"
    return f"{end}; {summary.total_s:.0f} s in all, {summary.set_up_s:.0f} s of them set-up"


def write(summary: Summary, path: Path) -> None:
    """Write `build/demo.json`; replaced as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(to_json(summary), indent=2) + "\n")
    fresh.replace(path)


def to_json(summary: Summary) -> dict[str, Any]:
    """The summary in plain values; seconds, shares in 0..1, times in epoch milliseconds."""
    return {
        "ok": summary.ok,
        "fault": summary.fault,
        "broker": summary.broker,
        "set_up_s": round(summary.set_up_s, 2),
        "total_s": round(summary.total_s, 2),
        "rollouts": [_rollout(result) for result in summary.results],
    }


def _rollout(result: Result) -> dict[str, Any]:
    view, act = result.view, result.view.act
    return {
        "rollout": act.rollout,
        "baseline": act.baseline,
        "candidate": act.candidate,
        "fault": act.fault,
        "outcome": view.outcome,
        "expected_outcome": act.expected,
        "as_expected": result.as_expected,
        "final_measured_share": view.measured,
        "first_faulty_response_ms": result.first_fault_ms,
        "last_candidate_response_ms": result.last_answer_ms,
        "seconds_from_first_faulty_response_to_share_0": result.fault_to_zero_s,
        "seconds": round(view.elapsed_s, 2),
        "decisions": [_decision(told) for told in view.told],
    }


def _decision(told: Told) -> dict[str, Any]:
    decision = told.decision
    return {
        "at_ms": told.at_ms,
        "seq": decision.seq,
        "action": decision.action,
        "stage": decision.stage,
        "candidate_share": candidate_share(decision.weights_bp),
        "terminal": decision.terminal,
        "reason": decision.reason,
        "explanation": explain(decision),
        "findings": {verdict.metric: verdict.finding for verdict in decision.verdicts},
    }
