"""How does a batch of outcome values become columns, and which of them are refused, and why?

As for predictions (`columns.py`), a record's fate is a pure function of its bytes and the schemas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.wire.arrays import Coded, blank, coded, doubles, given
from streams.wire.batch import (
    DEFAULT_MAX_EVENT_BYTES,
    Check,
    Values,
    by_row,
    read_rows,
    sensible,
    times_ok,
)
from streams.wire.codec import Codec
from streams.wire.headers import Rejected
from streams.wire.keyed_columns import KeyedColumns
from streams.wire.lengths import numbers
from streams.wire.raw_rows import RawRows
from streams.wire.reasons import Reason
from streams.wire.request_hash import request_hashes

_OF_REQUEST = "request_id is {!r}"


@dataclass(frozen=True, kw_only=True)
class OutcomeColumns(KeyedColumns):
    """The accepted outcomes of a batch in its order, and the refused ones."""

    row: NDArray[np.int64]
    """Index in the batch, ascending."""
    occurred_ms: NDArray[np.int64]
    service: Coded
    metric: Coded
    label: Coded
    """Null where the outcome has only a value."""
    value: NDArray[np.float64]
    """Finite; NaN where there is none."""
    value_given: NDArray[np.bool_]
    """Where there is one: label, value or both are given."""
    rejected: tuple[Rejected, ...]
    """By row."""
    outcome_ids: Any = field(repr=False)
    """Arrow strings, one per accepted row."""

    @cached_property
    def outcome_hash(self) -> NDArray[np.uint64]:
        """A number per outcome id, by the same function."""
        return request_hashes(self.outcome_ids)


def decode_outcomes(
    values: Values,
    codec: Codec,
    *,
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
) -> OutcomeColumns:
    """Decode framed values of the `outcomes` topic.

    Raises:
        RegistryError: a schema id could not be looked up; try the whole batch again.
    """
    raw, rejected = read_rows("outcomes", values, codec, max_event_bytes)
    service, metric = coded(raw.held["service"]), coded(raw.held["metric"])
    keep, refused = sensible(raw, _checks(raw.held, service, metric))
    rejected += refused
    return _columns(raw.chosen(keep), service.chosen(keep), metric.chosen(keep), rejected)


def _checks(held: dict[str, Any], service: Coded, metric: Coded) -> list[Check]:
    ids, occurred_ms, value = held["request_id"], numbers(held["occurred_at"]), held["value"]
    told = given(value)
    neither = ~told & ~given(held["label"])
    no_number = told & ~np.isfinite(doubles(value))
    return [
        Check(Reason.NO_SERVICE, service.is_empty(), ids, _OF_REQUEST),
        Check(Reason.NO_METRIC, metric.is_empty(), ids, _OF_REQUEST),
        Check(Reason.NO_REQUEST_ID, blank(ids), held["outcome_id"], "outcome_id is {!r}"),
        Check(Reason.NO_OUTCOME_ID, blank(held["outcome_id"]), ids, _OF_REQUEST),
        Check(Reason.BAD_TIME, ~times_ok(occurred_ms), occurred_ms, "occurred_at is {}"),
        Check(Reason.BAD_VALUE, no_number, value, "value is {}"),
        Check(Reason.NO_CONTENT, neither, ids, _OF_REQUEST),
    ]


def _columns(
    kept: RawRows, service: Coded, metric: Coded, rejected: list[Rejected]
) -> OutcomeColumns:
    held = kept.held
    return OutcomeColumns(
        row=kept.row,
        occurred_ms=numbers(held["occurred_at"]),
        service=service,
        metric=metric,
        label=coded(held["label"]),
        value=doubles(held["value"]),
        value_given=given(held["value"]),
        rejected=by_row(rejected),
        request_ids=held["request_id"],
        outcome_ids=held["outcome_id"],
        units=held["unit"],
    )
