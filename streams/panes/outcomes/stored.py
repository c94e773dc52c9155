"""How does what waits for outcomes lie in `cells`, and how does it come back?

`join-marker` tells how far `outcomes` is joined, `join/<rollout>/<piece>` are pieces of a join
index, `cohort/<rollout>/<outcome>/<first pane>` are open cohorts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streams.panes.facts import Body, LiveRollout, Parts
from streams.panes.outcomes.fold import OutcomeFold
from streams.panes.outcomes.interleave import Closing
from streams.panes.outcomes.rollout_join import OpenCohort, Place, RolloutJoin
from streams.sketches.outcome_cell import outcome_cells_from_states, outcome_cells_to_states

MARKER = "join-marker"
COHORT, JOIN = "cohort", "join"


class OutcomeStore:
    """Which parts of an `OutcomeFold` are in `cells`, and what differs from them."""

    def __init__(self) -> None:
        self._held: defaultdict[str, set[str]] = defaultdict(set)
        """Keys by rollout."""
        self._marker: Body | None = None

    def changed(self, fold: OutcomeFold) -> Parts:
        """What must be written and what must go; after that nothing differs."""
        written: dict[str, Body] = {}
        gone: list[str] = []
        for name in sorted(self._held.keys() - fold.joins.keys()):
            gone += sorted(self._held.pop(name))
        for name in sorted(fold.joins):
            written |= self._changed(name, fold.joins[name], gone)
        marker = marker_of(fold) if fold.wanted or self._marker else None
        if marker is not None and marker != self._marker:
            self._marker = written[MARKER] = marker
        return Parts(written=written, gone=tuple(gone))

    def _changed(self, name: str, join: RolloutJoin, gone: list[str]) -> dict[str, Body]:
        changes = join.changed()
        written = {
            f"{JOIN}/{name}/{piece}": _part(name, piece, data)
            for piece, data in changes.written.items()
        }
        written |= dict(_cohorts(name, join))
        held = self._held[name]
        matured = {_cohort_key(name, join, place) for place in join.take_matured()}
        dropped = matured | {f"{JOIN}/{name}/{piece}" for piece in changes.gone}
        gone += sorted(dropped & held)
        held.difference_update(dropped)
        held.update(written)
        return written

    def restore(
        self,
        fold: OutcomeFold,
        live: Iterable[LiveRollout],
        parts: Mapping[str, Body],
        *,
        again: bool,
    ) -> None:
        """Take back what all changes have left, for rollouts that are still live."""
        pieces, cohorts = _sorted_out(parts)
        for rollout in live:
            if rollout.spec.outcomes:
                name = rollout.spec.rollout
                fold.restore(rollout, pieces[name], cohorts[name], again=again)
        for key in parts:
            if key.startswith((f"{JOIN}/", f"{COHORT}/")):
                self._held[key.split("/")[1]].add(key)
        if MARKER in parts:
            self._marker = parts[MARKER]
            _read_marker(fold, parts[MARKER][1])


def marker_of(fold: OutcomeFold) -> Body:
    """Union member of the join's marker."""
    order = fold.order
    return "davy.JoinMarker", {
        "next_offset": order.next_offset,
        "outcomes_read_ms": order.passed_ms,
        "predictions_read_ms": order.predictions_read_ms,
        "joined_through": fold.joined_through,
        "closings": [n for each in order.closings for n in (each.append_ms, each.closed_through)],
        "counts": counts_to_state(fold.ended),
    }


def counts_to_state(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Avro counts, ascending by name."""
    return [{"name": name, "count": counts[name]} for name in sorted(counts)]


def _read_marker(fold: OutcomeFold, body: Mapping[str, Any]) -> None:
    order, numbers = fold.order, body["closings"]
    order.resume(
        next_offset=body["next_offset"],
        outcomes_read_ms=body["outcomes_read_ms"],
        predictions_read_ms=body["predictions_read_ms"],
        closings=[
            Closing(append_ms=append_ms, closed_through=pane)
            for append_ms, pane in zip(numbers[::2], numbers[1::2], strict=True)
        ],
    )
    fold.joined_through = body["joined_through"]
    fold.ended = Counter({each["name"]: each["count"] for each in body["counts"]})


def _part(name: str, piece: str, data: bytes) -> Body:
    return "davy.JoinPart", {"rollout": name, "name": piece, "data": data}


def _cohort_key(name: str, join: RolloutJoin, place: Place) -> str:
    number, first_pane = place
    return f"{COHORT}/{name}/{join.outcomes[number].name}/{first_pane}"


def _cohorts(name: str, join: RolloutJoin) -> Iterator[tuple[str, Body]]:
    """Open cohorts that changed."""
    dirty, join.dirty = join.dirty, set()
    for place in sorted(dirty):
        number, first_pane = place
        cohort = join.open[place]
        yield (
            _cohort_key(name, join, place),
            (
                "davy.OpenCohort",
                {
                    "rollout": name,
                    "spec_hash": join.live.spec_hash,
                    "outcome": join.outcomes[number].name,
                    "first_pane": first_pane,
                    "panes": join.clocks[number].panes,
                    "told": cohort.told,
                    "cells": outcome_cells_to_states(cohort.cells),
                },
            ),
        )


Pieces = defaultdict[str, dict[str, bytes]]
Cohorts = defaultdict[str, list[tuple[str, int, OpenCohort]]]


def _sorted_out(parts: Mapping[str, Body]) -> tuple[Pieces, Cohorts]:
    """By rollout, pieces of its index and its open cohorts (outcome, first pane, state)."""
    pieces: Pieces = defaultdict(dict)
    cohorts: Cohorts = defaultdict(list)
    for name, body in parts.values():
        if name == "davy.JoinPart":
            pieces[body["rollout"]][body["name"]] = body["data"]
        elif name == "davy.OpenCohort":
            cells = outcome_cells_from_states(body["cells"])
            cohort = OpenCohort(cells=cells, told=body["told"])
            cohorts[body["rollout"]].append((body["outcome"], body["first_pane"], cohort))
    return pieces, cohorts
