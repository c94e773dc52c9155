"""What came of it? A few lines for people, and the same as `build/demo.json` for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from streams.demo import words
from streams.demo.acts import Result, Told, candidate_share
from streams.demo.faults import Fault
from streams.judge.explain import explain

ACTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole demo."""

    fault: Fault
    broker: str
    router: str
    set_up_s: float
    """Seconds until all parts ran."""
    total_s: float
    """Seconds from the start until all was told; the page's stay and the parts' end come after."""
    results: Sequence[Result]

    @property
    def ok(self) -> bool:
        """Whether every act ended as it had to."""
        return len(self.results) == ACTS and all(result.as_expected for result in self.results)


def lines(summary: Summary) -> Iterator[Text]:
    """One line per rollout, and one for the whole; none wider than 80 columns."""
    for result in summary.results:
        yield _line(result)
    end = "both ended as they must" if summary.ok else "this is NOT how it must end"
    style = "bold green" if summary.ok else "bold red"
    yield Text(
        f"{end}; {summary.total_s:.0f} s in all, {summary.set_up_s:.0f} s of it to start up", style
    )


def _line(result: Result) -> Text:
    view, act = result.view, result.view.act
    what = "good candidate" if act.fault is Fault.NONE else f"fault: {act.fault}"
    style = "green" if result.as_expected else "bold red"
    line = Text(f"{act.rollout}  {act.baseline} → {act.candidate}  {what:<14}  ")
    line.append(f"{view.outcome:<11}", style)
    line.append(f"  now {words.share(view.measured):>7}")
    if result.fault_to_zero_s is not None:
        line.append(f"  {result.fault_to_zero_s:.1f} s from fault to 0 %")
    return line


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
        "router": summary.router,
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
        "final_measured_share": None if view.measured is None else round(view.measured, 4),
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
        "verdicts": [asdict(verdict) for verdict in decision.verdicts],
    }
