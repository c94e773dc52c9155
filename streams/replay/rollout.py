"""Which panes did a rollout's judge see, and do its recorded decisions follow from them?

Reads one partition of `panes` in log order, as the judge did, then steps along the recorded cuts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile
from typing import Any

from streams.errors import LogError
from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandFact, PaneInput, RoutingFact
from streams.panes.merge import PaneMerge
from streams.replay.cuts import replay_bodies
from streams.spec.model import RolloutSpec

PaneRecord = Mapping[str, Any]
"""A decoded record of `panes`."""


def judged_panes(spec: RolloutSpec, records: Iterable[PaneRecord]) -> dict[int, PaneInput]:
    """Pane index -> what the judge was given, for every pane that became due: a closed range."""
    return _merged(spec, records)[0]


def each_pane(spec: RolloutSpec, records: Iterable[PaneRecord]) -> Iterator[PaneInput]:
    """`judged_panes`, one after the other: a long rollout has more of them than memory."""
    return _due(PaneMerge.of(spec), spec, records)


def first_panes(
    spec: RolloutSpec, records: Iterable[PaneRecord], first: int
) -> dict[int, PaneInput]:
    """`judged_panes`, where they begin with the pane `first` that was judged first.

    Raises:
        LogError: `panes` no longer holds where the rollout began, and what of it is missing.
    """
    panes, merge = _merged(spec, records)
    if first in panes:
        return panes
    raise LogError(
        f"rollout `{spec.rollout}` cannot be judged again: {_lack(merge, first)}; `panes` no "
        "longer reaches back to the rollout's begin. Keep them for as long as rollouts are to be "
        "audited (retention.ms of `panes`), or export in time: "
        f"davy replay {spec.rollout} --export DIR"
    )


def _merged(
    spec: RolloutSpec, records: Iterable[PaneRecord]
) -> tuple[dict[int, PaneInput], PaneMerge]:
    merge = PaneMerge.of(spec)
    return {pane.pane: pane for pane in _due(merge, spec, records)}, merge


def _due(merge: PaneMerge, spec: RolloutSpec, records: Iterable[PaneRecord]) -> Iterator[PaneInput]:
    for record in dropwhile(lambda record: not activates(record, spec.rollout), records):
        try:
            merge.take(record, spec.rollout, spec.spec_hash)
        except ValueError as problem:
            raise LogError(
                f"`panes` holds what no davy wrote: {problem}; export again"
            ) from problem
        while (due := merge.take_due()) is not None:
            yield PaneInput.of(due, merge.pane_ms or 0)


def _lack(merge: PaneMerge, first: int) -> str:
    if merge.partitions is None:
        return "no activation of it is left"
    begun = {number for number, source in merge.sources.items() if source.from_pane is not None}
    lost = sorted(set(range(merge.partitions)) - begun)
    if lost:
        return f"its activation on source partition {', '.join(map(str, lost))} is missing"
    return f"pane {first}, the first that was judged, is missing"


def activates(record: PaneRecord, rollout: str) -> bool:
    """Whether the judge begins with this record; what partitions told before, it never heard."""
    name, body = record["body"]
    begins = name == "davy.Activation" and body["until_offset"] is None
    return begins and bool(body["rollout"] == rollout)


def rejudged(
    spec: RolloutSpec,
    records: Iterable[PaneRecord],
    routing: Sequence[RoutingFact],
    commands: Sequence[CommandFact],
    decisions: Sequence[Decision],
) -> list[bytes]:
    """Avro bodies of the decisions that the log gives along the recorded cuts."""
    if not decisions:
        return []
    panes = judged_panes(spec, records)
    return replay_bodies(spec, decisions[0].pane_ms, panes, routing, commands, decisions)
