"""How do routing records reach Kafka, and how is it known that they are there?

One journal a partition, for one tenure. It writes while the group says that the partition is this
process's, keeps its records while that is not known, and drops them once it is another's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka import KafkaError, KafkaException

from streams.actuator.facts import RoutingRecord
from streams.actuator.lines import say, say_text
from streams.actuator.meters import Meters
from streams.actuator.pen import Pen, open_pen
from streams.actuator.records import routing_to_record
from streams.actuator.tenure import Tenure
from streams.errors import WireError
from streams.judge.facts import RoutingPhase
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.sparing import Sparing

TOPIC = "routing"
SERVE_S = 0.1
ASK_S = 0.02
"""How often the tenure is looked at while it is not confirmed."""
AGAIN_S = 0.5
CLOSE_S = 5.0
MOST_KEPT = 10_000
TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


@dataclass(slots=True, kw_only=True, eq=False)
class _Entry:
    """A record on its way."""

    record: RoutingRecord
    value: bytes
    offset: int | None = None
    done: threading.Event = field(default_factory=threading.Event)
    """Set when the log holds it, or never will."""


class KafkaJournal:
    """See Journal. Used by many threads; a thread of its own writes."""

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        partition: int,
        tenure: Tenure,
        meters: Meters,
        *,
        transactional: bool,
    ) -> None:
        topic = settings.topic(TOPIC)
        self._open = partial(open_pen, settings, topic, partition, transactional=transactional)
        self._name = f"{topic}-{partition}"
        self._codec, self._tenure, self._meters = codec, tenure, meters
        self._news = threading.Condition()
        self._kept: deque[_Entry] = deque()
        self._stored: dict[str, int] = {}
        self._closing = self._over = self._begun = False
        self._cautious = False
        """Whether the last write failed: then one record after the other."""
        self._trouble = Sparing(partial(say_text, logging.WARNING, "actuator.journal"))
        self._thread = threading.Thread(target=self._run, name=f"journal-{partition}", daemon=True)
        self._thread.start()

    @property
    def begun(self) -> bool:
        """Whether none of a former owner's records can follow, where the broker sees to that."""
        return self._begun

    # What others ask for.

    def write(self, record: RoutingRecord, *, wait_s: float) -> int | None:
        """See Journal."""
        try:
            value = self._codec.encode(TOPIC, routing_to_record(record))
        except WireError as error:  # no reason not to go down
            self._lose(record, str(error))
            return None
        entry = _Entry(record=record, value=value)
        with self._news:
            if self._over or self._tenure.ended:
                return None
            if len(self._kept) >= MOST_KEPT:
                self._lose(record, f"{MOST_KEPT} records wait for the broker")
                return None
            self._kept.append(entry)
            self._news.notify()
        return entry.offset if wait_s > 0 and entry.done.wait(wait_s) else None

    def stored_fence(self, rollout: str) -> int:
        """See Journal."""
        return self._stored.get(rollout, 0)

    def close(self) -> None:
        """Wait a little for what is under way, then stop."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(CLOSE_S)
        self._over = True

    # The thread.

    def _run(self) -> None:
        """A pen after the other, each begun where the group confirms the partition anew."""
        since = time.monotonic()
        while self._confirmed(since):
            try:
                with closing(self._open()) as pen:
                    pen.begin()
                    self._begun = True
                    self._write_with(pen)
            except KafkaException as error:  # also where no client can be made just now
                self._failed(error.args[0])
            since = time.monotonic()
        self._drop()

    def _confirmed(self, since: float) -> bool:
        """Wait until the group says whose the partition is; False: there is nothing to write."""
        while not self._tenure.holds(time.monotonic(), since=since):
            if not self._patient() or (self._closing and not self._kept):
                return False
            time.sleep(ASK_S)
        return not (self._closing and not self._kept)

    def _patient(self) -> bool:
        return not (self._over or self._tenure.ended)

    def _write_with(self, pen: Pen) -> None:
        """Until there is nothing more to write, or the pen is broken (KafkaException)."""
        while batch := self._batch(pen):
            if not self._confirmed(0.0):
                return
            lines = [(entry.record.rollout.encode(), entry.value) for entry in batch]
            self._settle(batch, pen.write(lines, self._patient))

    def _batch(self, pen: Pen) -> list[_Entry]:
        """What is written next; empty: the end."""
        with self._news:
            while not self._kept and not self._closing and self._patient():
                self._news.wait(SERVE_S)
                pen.serve()
            most = 1 if self._cautious else pen.at_once
            return list(self._kept)[:most] if self._patient() else []

    def _settle(self, batch: Sequence[_Entry], offsets: Sequence[int | None]) -> None:
        self._cautious = False
        for entry, offset in zip(batch, offsets, strict=True):
            record, entry.offset = entry.record, offset
            if record.phase is not RoutingPhase.REFUSED:
                highest = max(record.fence, self.stored_fence(record.rollout))
                self._stored[record.rollout] = highest
            self._take_off(entry)

    def _failed(self, error: KafkaError) -> None:
        """The records are kept for a new pen; one that is no good must not hold up the others."""
        if self._patient():
            self._trouble.say(error.code(), f"{self._name}: {error.str()}; it is tried again")
        if error.code() == TOO_LARGE and self._cautious and self._kept:
            self._lose(self._kept[0].record, error.str())
            self._take_off(self._kept[0])
        self._cautious = True
        if self._patient():
            time.sleep(AGAIN_S)

    def _take_off(self, entry: _Entry) -> None:
        with self._news:
            self._kept.remove(entry)
        entry.done.set()

    def _drop(self) -> None:
        """Whoever has the partition now tells what stands there."""
        with self._news:
            self._over = True
            dropped, self._kept = self._kept, deque()
        for entry in dropped:
            entry.done.set()
        if dropped:
            facts = {"at": self._name, "records": len(dropped)}
            say(logging.WARNING, "actuator.records_dropped", facts)

    def _lose(self, record: RoutingRecord, error: str) -> None:
        self._meters.lost_records.inc()
        facts = {"rollout": record.rollout, "phase": record.phase, "error": error}
        say(logging.ERROR, "actuator.record_lost", facts)
