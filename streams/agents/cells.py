"""How is the state of a source partition's owner written to `cells`, and read back?

Every record carries the headers `epoch` and `flush`; the marker is written last. A record newer
than the marker belongs to a flush that never finished (only a broker without transactions shows
such) and is ignored; the first flush of a new owner writes every cell anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from streams.panes.facts import (
    Body,
    Cells,
    LiveRollout,
    Marker,
    PaneClock,
    Source,
    cells_from_states,
    cells_to_states,
)
from streams.panes.resource_fold import OpenUsage, open_usage_from_states, open_usage_to_states
from streams.spec.model import RolloutSpec

Stamp = tuple[int, int]
"""(epoch, flush): orders the flushes of all owners of a partition."""

MARKER = "marker"


def key_of(source: str, partition: int, what: str) -> str:
    """Key of a record: `<source>/<partition>/<what>`."""
    return f"{source}/{partition}/{what}"


def open_key(rollout: str, pane: int) -> str:
    """`what` of an open pane."""
    return f"open/{rollout}/{pane}"


def live_key(rollout: str) -> str:
    """`what` of a live rollout."""
    return f"live/{rollout}"


def stamp_headers(stamp: Stamp) -> tuple[tuple[str, bytes], ...]:
    """Headers of a record of this flush."""
    return (("epoch", str(stamp[0]).encode()), ("flush", str(stamp[1]).encode()))


def stamp_of(headers: Iterable[tuple[str, bytes]]) -> Stamp:
    """Read what `stamp_headers` wrote."""
    values = dict(headers)
    return int(values["epoch"]), int(values["flush"])


def of_another_source(source: str, key: bytes | None) -> bool:
    """Whether a record of `cells` belongs to the owner of another source's partition."""
    found = (key or b"").partition(b"/")[0].decode(errors="replace")
    return found in set(Source) and found != source


@dataclass(slots=True)
class StoredState:
    """What `cells` holds for one source partition."""

    stamp: Stamp = (0, 0)
    """Of the newest record seen, finished or not: the next owner's epoch is above it."""
    marker: Marker = field(default_factory=Marker)
    pane_ms: int | None = None
    lateness_ms: int | None = None
    idle: bool = False
    horizon_offset: int = -1
    """First source offset whose events may still be repeated; -1: not known."""
    live: list[LiveRollout] = field(default_factory=list)
    open: dict[tuple[str, int], Any] = field(default_factory=dict)
    """By rollout and pane, what the source keeps of an open one."""
    parts: dict[str, Body] = field(default_factory=dict)
    """What else its fold keeps, by `what`."""
    keys: set[str] = field(default_factory=set)
    """Every key that may hold a record, stale ones included."""


def marker_body(
    marker: Marker, clock: PaneClock, *, idle: bool, horizon_offset: int
) -> tuple[str, dict[str, Any]]:
    """Union member of the marker record."""
    fields = asdict(marker) | {
        "idle": idle,
        "pane_ms": clock.pane_ms,
        "lateness_ms": clock.lateness_ms,
        "horizon_offset": horizon_offset,
    }
    return "davy.Marker", fields


def open_body(rollout: str, spec_hash: str, pane: int, cells: Cells) -> tuple[str, dict[str, Any]]:
    """Union member of an open pane's record."""
    return "davy.OpenPane", {
        "rollout": rollout,
        "spec_hash": spec_hash,
        "pane": pane,
        "cells": cells_to_states(cells),
    }


def open_usage_body(
    rollout: str, spec_hash: str, pane: int, pods: OpenUsage
) -> tuple[str, dict[str, Any]]:
    """Union member of an open minute of use."""
    return "davy.OpenResourcePane", {
        "rollout": rollout,
        "spec_hash": spec_hash,
        "pane": pane,
        "pods": open_usage_to_states(pods),
    }


def live_body(rollout: LiveRollout) -> tuple[str, dict[str, Any]]:
    """Union member of a live rollout's record."""
    return "davy.LiveRollout", {
        "rollout": rollout.spec.rollout,
        "spec_hash": rollout.spec_hash,
        "spec": rollout.spec.to_json(),
        "first_offset": rollout.first_offset,
        "outcomes_offset": rollout.outcomes_offset,
        "from_pane": rollout.from_pane,
        "classes": list(rollout.classes),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """One record of `cells`: decoded body, or None for a tombstone and for what does not count."""

    key: str
    stamp: Stamp
    body: tuple[str, dict[str, Any]] | None


def is_marker(key: str) -> bool:
    """Whether records of this key end flushes; `what` may be of a rollout whose name is odd.

    >>> is_marker("predictions/0/marker"), is_marker("predictions/0/live/marker")
    (True, False)
    """
    return key.split("/", 2)[2:] == [MARKER]


def that_count(stamped: Iterable[tuple[str, Stamp]], finished: Stamp) -> frozenset[int]:
    """Places, in log order, of what `restore` looks at: the last of each key that has finished.

    >>> sorted(that_count([("a", (1, 1)), ("b", (1, 1)), ("a", (1, 2)), ("a", (1, 3))], (1, 2)))
    [1, 2]
    """
    places = enumerate(stamped)
    return frozenset({key: at for at, (key, stamp) in places if stamp <= finished}.values())


def restore(records: Iterable[StoredRecord]) -> StoredState:
    """Rebuild the state that the last finished flush left behind."""
    kept = list(records)
    state = StoredState()
    markers = [r for r in kept if r.body is not None and r.body[0] == "davy.Marker"]
    finished = markers[-1].stamp if markers else (0, 0)
    newest: dict[str, StoredRecord] = {}
    for record in kept:
        state.stamp = max(state.stamp, record.stamp)
        state.keys.add(record.key)
        if record.stamp <= finished:
            newest[record.key] = record
    for record in newest.values():
        if record.body is not None:
            _take(state, record.key, *record.body)
    return state


def _take(state: StoredState, key: str, name: str, body: dict[str, Any]) -> None:
    if name == "davy.Marker":
        state.marker = Marker(**{field: body[field] for field in Marker.__slots__})
        state.pane_ms, state.lateness_ms = body["pane_ms"], body["lateness_ms"]
        state.idle, state.horizon_offset = body["idle"], body["horizon_offset"]
    elif name == "davy.OpenPane":
        state.open[body["rollout"], body["pane"]] = cells_from_states(body["cells"])
    elif name == "davy.OpenResourcePane":
        state.open[body["rollout"], body["pane"]] = open_usage_from_states(body["pods"])
    elif name == "davy.LiveRollout":
        state.live.append(
            LiveRollout(
                spec=RolloutSpec.from_json(body["spec"]),
                spec_hash=body["spec_hash"],
                first_offset=body["first_offset"],
                outcomes_offset=body["outcomes_offset"],
                from_pane=body["from_pane"],
                classes={name: number for number, name in enumerate(body["classes"])},
            )
        )
    else:
        _, _, what = key.split("/", 2)
        state.parts[what] = (name, body)
