"""What is particular to a source? How its log is decoded, folded, and written to davy's topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic

from streams.agents import cells
from streams.panes.cell_bytes import cells_bytes
from streams.panes.facts import Body, Cells, Marker, PaneClock, Source, cells_to_states
from streams.panes.fold import PartitionFold
from streams.panes.resource_fold import LATENESS_MS, MINUTE_MS, ResourceFold
from streams.panes.source_fold import Closed, ColumnsT, Open, SourceFold
from streams.settings import Settings
from streams.sketches.usage import Usages, usages_to_states
from streams.wire.batch import Values, single
from streams.wire.codec import Codec
from streams.wire.columns import PredictionColumns, decode_predictions
from streams.wire.resource_columns import ResourceColumns, decode_resources


def _no_tails(panes: Sequence[object]) -> list[bytes | None]:
    return [None] * len(panes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceForm(Generic[ColumnsT, Open, Closed]):
    """A source topic, as its owner sees it; what an owner does is the same for all."""

    source: Source
    clock: Callable[[Settings], PaneClock]
    """How its event time is cut."""
    new_fold: Callable[[PaneClock, Marker], SourceFold[ColumnsT, Open, Closed]]
    decode: Callable[[Values, Codec, int], ColumnsT]
    """Of raw values, with the largest size of an event in bytes."""
    open_body: Callable[[str, str, int, Open], Body]
    """`cells`: an open pane of (rollout, spec hash, pane)."""
    closed_body: Callable[[str, str, int, Closed], Body]
    """`panes`: a closed one."""
    tails: Callable[[Sequence[Any]], list[bytes | None]] = _no_tails
    """Of each pane the array in which both end, as Avro bytes; None: it is for the writer."""


AnyForm = SourceForm[Any, Any, Any]
AnyFold = SourceFold[Any, Any, Any]


def pane_clock(settings: Settings) -> PaneClock:
    """How the event time of requests is cut."""
    return PaneClock(
        pane_ms=settings.pane_ms,
        lateness_ms=settings.lateness_ms,
        future_ms=settings.future_ms,
        dedupe=settings.dedupe,
    )


def _decoded(values: Values, codec: Codec, most: int) -> PredictionColumns:
    return decode_predictions(values, codec, max_event_bytes=most)


def _closed_cells(rollout: str, spec_hash: str, pane: int, held: Cells) -> Body:
    return "davy.Pane", {
        "rollout": rollout,
        "spec_hash": spec_hash,
        "pane": pane,
        "cells": cells_to_states(held),
    }


PREDICTIONS = SourceForm(
    source=Source.PREDICTIONS,
    clock=pane_clock,
    new_fold=PartitionFold,
    decode=_decoded,
    open_body=cells.open_body,
    closed_body=_closed_cells,
    tails=cells_bytes,
)


def minute_clock(settings: Settings) -> PaneClock:
    """How the event time of resource samples is cut, whatever the length of a pane."""
    future = settings.future_ms
    return PaneClock(pane_ms=MINUTE_MS, lateness_ms=LATENESS_MS, future_ms=future, dedupe=False)


def _samples(values: Values, codec: Codec, most: int) -> ResourceColumns:
    return decode_resources(single(values), codec, max_event_bytes=most)


def _closed_minute(rollout: str, spec_hash: str, minute: int, usages: Usages) -> Body:
    return "davy.ResourcePane", {
        "rollout": rollout,
        "spec_hash": spec_hash,
        "pane": minute,
        "usages": usages_to_states(usages),
    }


RESOURCES = SourceForm(
    source=Source.RESOURCES,
    clock=minute_clock,
    new_fold=ResourceFold,
    decode=_samples,
    open_body=cells.open_usage_body,
    closed_body=_closed_minute,
)

FORMS: Mapping[str, AnyForm] = MappingProxyType(
    {form.source.value: form for form in (PREDICTIONS, RESOURCES)}
)
"""By source topic without prefix."""
