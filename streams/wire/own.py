"""Whose is a record on one of davy's own topics, and what if it cannot be read?

A record that no davy can have written is foreign: it is skipped and told. That follows from the
record alone, so whoever reads the log again skips the same ones. What davy of another version may
have written stops a partition of state, for what it holds would be missing without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from streams.errors import RegistryError, StateError, WireError
from streams.wire.codec import Codec
from streams.wire.deadletter import SourceRecord
from streams.wire.framing import schema_id_of, unframe
from streams.wire.reasons import BadRecord, Reason
from streams.wire.sparing import Sparing

STATE = frozenset({"cells", "judge-state", "panes"})
"""What a verdict counts on: nothing may be missing there without a word."""
NULLABLE = frozenset({"cells", "rollouts"})
"""Where davy deletes keys."""
STAMP = ("epoch", "flush")
"""Headers of every record of `cells`, integers in decimal."""
DETAIL_CHARS = 300

Fact = TypeVar("Fact")


class Arrived(SourceRecord, Protocol):
    """A consumed record with its headers, and where it was."""

    @property
    def topic(self) -> str:
        """Full name, with its prefix."""

    @property
    def partition(self) -> int:
        """Number of the partition."""

    @property
    def headers(self) -> Iterable[tuple[str, Any]]:
        """Names and raw values."""


ArrivedT = TypeVar("ArrivedT", bound=Arrived)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a record is skipped: a code that does not change, a sentence, what to do."""

    code: str
    detail: str
    advice: str = (
        "davy did not write it: find out who writes to this topic, and let davy's own accounts "
        "alone write there (ACLs)"
    )


NOBODYS = Fault(code="nobodys", detail="unreadable, and its key is of no rollout ever applied")


class Unreadable(StateError):  # noqa: N818 - it names the record, the tree's root carries Error
    """A record that may hold state and cannot be read; its partition waits for a person."""

    def __init__(self, message: str, again: Callable[[], object]) -> None:
        super().__init__(message)
        self._again = again

    def still(self) -> bool:
        """Whether it cannot be read now either: schemas may be registered meanwhile."""
        try:
            self._again()
        except WireError:
            return True
        return False


def foreign(topic: str, record: Arrived) -> Fault | None:
    """Why no davy can have written this record to `topic` (named without prefix), if so."""
    if topic == "cells" and not _stamped(record):
        return Fault(code="no_stamp", detail=f"no integers in the headers {' and '.join(STAMP)}")
    if record.value is None:
        return None if topic in NULLABLE else Fault(code="no_value", detail="it deletes its key")
    try:
        unframe(record.value)
    except BadRecord as refusal:
        return Fault(code=refusal.reason, detail=refusal.detail)
    return None


class OwnRecords:
    """Reads davy's own topics; tells what it skips, and counts it."""

    def __init__(self, codec: Codec, sparing: Sparing) -> None:
        self.skipped: Counter[tuple[str, str]] = Counter()
        """(topic, code) -> records skipped since the start."""
        self._codec = codec
        self._sparing = sparing
        self._told: dict[tuple[str, int, str], int] = {}

    def read(self, topic: str, record: Arrived) -> dict[str, Any] | None:
        """The decoded record; None where it has no value, and where it was skipped.

        Raises:
            Unreadable: it may be davy's, and `topic` holds state.
            RegistryError: the store does not answer; try again.
        """
        fault = foreign(topic, record)
        if fault is not None:
            self.skip(record, fault)
            return None
        if record.value is None:
            return None
        try:
            return self._codec.decode(topic, record.value)
        except BadRecord as refusal:
            if topic in STATE:
                again = partial(self._codec.decode, topic, record.value)
                raise Unreadable(_unreadable(topic, record, refusal), again) from None
            advice = f"{refusal.reason.advice.rstrip('.')}{_LOST.get(topic, '')}"
            self.skip(record, Fault(code=refusal.reason, detail=refusal.detail, advice=advice))
            return None

    def sift(self, topic: str, records: Iterable[ArrivedT]) -> Iterator[ArrivedT]:
        """Records that davy may have written, not decoded; the others are skipped and told."""
        for record in records:
            fault = foreign(topic, record)
            if fault is None:
                yield record
            else:
                self.skip(record, fault)

    def made(
        self, topic: str, record: Arrived, make: Callable[[dict[str, Any]], Fact]
    ) -> Fact | None:
        """What `make` makes of the decoded record; a record that it cannot use is skipped."""
        decoded = self.read(topic, record)
        if decoded is None:
            return None
        try:
            return make(decoded)
        except RegistryError:
            raise  # no fault of the record's
        except Exception as error:  # noqa: BLE001 - whatever is in it, it must not stop the others
            detail = f"{type(error).__name__}: {error}"
            self.skip(record, Fault(code="unusable", detail=detail, advice=_UNUSABLE))
            return None

    def used(self, topic: str, record: Arrived, use: Callable[[], None]) -> None:
        """Use a decoded record of state, whose partition stops where it makes no sense.

        Raises:
            Unreadable: `use` raised ValueError, or what else comes of a nonsensical record.
        """
        try:
            use()
        except (ValueError, LookupError, TypeError, OverflowError) as problem:
            refusal = BadRecord(Reason.UNDECODABLE, f"makes no sense: {problem!r}")

            def again() -> object:
                raise refusal

            raise Unreadable(_unreadable(topic, record, refusal), again) from problem

    def state(
        self,
        topic: str,
        records: Iterable[Arrived],
        concerns: Callable[[Arrived], bool] = lambda _: True,
    ) -> Iterator[tuple[Arrived, dict[str, Any] | None]]:
        """Davy's records of a compacted topic; None stands for a deletion.

        Raises:
            Unreadable: after all the others, where no later record deletes or replaces it, and
                where it `concerns` anybody.
        """
        stuck: dict[bytes | None, tuple[Arrived, Unreadable]] = {}
        for record in records:
            try:
                body = self.read(topic, record)
            except Unreadable as error:
                stuck[record.key] = record, error
                continue
            # A record of `judge-state` holds all there is of its key; one of `cells` may belong
            # to a flush that never finished.
            if record.value is None or (topic == "judge-state" and body is not None):
                stuck.pop(record.key, None)
            if body is not None or (record.value is None and foreign(topic, record) is None):
                yield record, body
        for last, reason in stuck.values():
            if concerns(last):
                raise reason
            self.skip(last, NOBODYS)

    def skip(self, record: Arrived, fault: Fault) -> None:
        """Count a record that means nothing, and tell it; once, however often it is read."""
        place = (record.topic, record.partition, fault.code)
        if record.offset <= self._told.get(place, -1):
            return
        self._told[place] = record.offset
        self.skipped[record.topic, fault.code] += 1
        where = f"{record.topic}-{record.partition}@{record.offset}"
        text = f"{where}: skipped, {fault.code}: {_line(fault.detail)}; {fault.advice}"
        self._sparing.say((record.topic, fault.code), text)

    def remind(self) -> None:
        """Tell what was counted since the last line; call it now and then."""
        self._sparing.remind()


_UNUSABLE = "nothing is done on its word: write it again with this davy's own commands"
_LOST = {
    "decisions": "; if davy wrote it, raises that follow from it are refused until"
    " `davy rollout resume`, lower weights are not"
}
_DELETE_KEY = (
    "write a record with the same key and no value to this partition: the one before it counts"
)
_REMEDY = {
    "cells": _DELETE_KEY,
    "judge-state": _DELETE_KEY,
    "panes": "delete the records of this partition up to and with it (kafka-delete-records.sh) and"
    " restart the worker: live rollouts lose the panes since their last decision",
}


def _unreadable(topic: str, record: Arrived, refusal: BadRecord) -> str:
    return (
        f"{record.topic}-{record.partition}@{record.offset}: may hold state and cannot be "
        f"read: {refusal.reason}: {_line(refusal.detail)} "
        f"(schema id {schema_id_of(record.value)}, key {_line(repr(record.key))}); if davy of "
        "another version wrote it, register its schema or run that version; if not, "
        f"{_REMEDY[topic]}, and let davy's own accounts alone write there (ACLs)"
    )


def _line(text: str) -> str:
    """One line of a bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= DETAIL_CHARS else f"{line[:DETAIL_CHARS]} ..."


def _stamped(record: Arrived) -> bool:
    found = dict(record.headers)
    try:
        return all(int(found[name]) >= 0 for name in STAMP)
    except (KeyError, TypeError, ValueError):
        return False
