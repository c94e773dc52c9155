"""Who moves records from the buffer to the broker? One background thread, at its own pace.

It asks for the schema ids, opens the producer, empties the buffer every tick and says, at most
once per `report_s`, what was lost. While anything is missing, records wait in the bounded buffer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from confluent_kafka import KafkaException

from streams.errors import DavyError
from streams.publisher.buffer import Buffer, Waiting
from streams.publisher.drafts import OUTCOMES, PREDICTIONS, Draft, Refused
from streams.publisher.facts import Drop, Tally
from streams.publisher.ids import schema_id
from streams.publisher.lane import Lane
from streams.publisher.options import Options
from streams.publisher.users import NO_KEY, UserHash, hashed

LOG = logging.getLogger("davy.publisher")
CHUNK = 16
"""Records per turn; between turns other threads get the interpreter."""
IDLE_S = 0.2
FULL_S = 0.02
"""Until librdkafka is asked again whether it has room."""
RETRY_S = (0.25, 10.0)


class Worker:
    """The thread's work. `start`, then `wake`, `stop`; counts are readable from any thread."""

    def __init__(self, options: Options, buffer: Buffer, tally: Tally, user_hash: UserHash) -> None:
        self._options = options
        self._hash = user_hash
        self._buffer = buffer
        self._tally = tally
        self._lane: Lane | None = None
        self._delivered_before = 0
        self._moving = 0
        self._full = False
        """Whether librdkafka had no room the last time."""
        self._trouble: str | None = None
        self._keyless = options.user_key is None
        """Whether a user id would have to be told of: once."""
        self._wake = threading.Event()
        self._until: float | None = None
        self._ended = threading.Event()
        self._reported: Counter[Drop] = Counter()
        self._report_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="davy-publisher", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Records that are neither delivered nor dropped."""
        lane = self._lane
        return len(self._buffer) + self._moving + (lane.waiting if lane else 0)

    @property
    def delivered(self) -> int:
        """Records that the broker has acknowledged."""
        lane = self._lane
        return self._delivered_before + (lane.delivered if lane else 0)

    def wake(self) -> None:
        """Do not wait for the next tick."""
        self._wake.set()

    def stop(self, deadline_s: float) -> None:
        """Deliver what can be delivered within the deadline, count the rest, end."""
        self._until = time.monotonic() + deadline_s
        self._wake.set()
        self._ended.wait(deadline_s + 0.2)

    def _run(self) -> None:
        try:
            while self._until is None:
                self._turn()
            self._open_lane()
            self._finish()
        except Exception:  # a thread of ours must not print into the service's output
            LOG.exception("davy: the publisher has stopped; please report this")
        finally:
            self._ended.set()

    def _turn(self) -> None:
        if self._lane is None:
            self._open_lane()
        tick_s = pause_s = self._options.tick_ms / 1000
        while self._lane is not None and not self._lane.broken and self._until is None:
            moved = self._pump(self._lane)
            self._lane.serve()
            self._report()
            pause_s = tick_s if moved else min(pause_s * 2, max(IDLE_S, tick_s))
            self._rest(min(pause_s, FULL_S) if self._full else pause_s)
        if self._lane is not None and self._until is None:
            self._retire(self._lane)

    def _pause(self, pause_s: float) -> None:
        self._rest(min(pause_s, self._left_s()))

    def _rest(self, pause_s: float) -> None:
        self._wake.wait(pause_s)
        self._wake.clear()

    def _left_s(self) -> float:
        return IDLE_S if self._until is None else max(0.0, self._until - time.monotonic())

    def _is_needed(self) -> bool:
        """Whether there is, or may come, something to send in time."""
        return self._until is None or (len(self._buffer) > 0 and self._left_s() > 0)

    def _open_lane(self) -> None:
        """Try until the ids are known and the broker has answered, or until told to stop."""
        pause_s, most_s = RETRY_S
        while self._lane is None and self._is_needed():
            try:
                options = self._options
                ids = {
                    topic: schema_id(options.registry, topic, options.prefix)
                    for topic in (PREDICTIONS, OUTCOMES)
                }
                self._lane = Lane(options, ids, self._tally)
            except (DavyError, KafkaException) as failure:
                self._trouble = str(failure)
                self._report()
                self._pause(pause_s)
                pause_s = min(pause_s * 2, most_s)

    def _pump(self, lane: Lane) -> bool:
        """Move what waits to librdkafka; whether anything was moved."""
        moved = self._full = False
        while waiting := self._buffer.take(CHUNK):
            self._moving = len(waiting)
            drafts = list(self._drafts(waiting))
            for index, draft in enumerate(drafts):
                if not lane.send(draft):
                    self._buffer.put_back(drafts[index:])
                    self._moving, self._full = 0, True
                    return moved
                self._moving -= 1
                moved = True
                if self._keyless and draft.record["unit"] is not None:
                    self._keyless = False
                    LOG.warning(NO_KEY)
            time.sleep(0)  # hands the interpreter to whoever waits for it
        return moved

    def _drafts(self, waiting: Sequence[Waiting]) -> Iterator[Draft]:
        """What waited as it was given becomes a record here."""
        options = self._options
        for each in waiting:
            if isinstance(each, Draft):
                yield each
                continue
            try:
                draft = each.draft(self._tally, options.service, options.model_version)
            except Exception as failure:  # noqa: BLE001 - one record must not stop the others
                known = failure.reason if isinstance(failure, Refused) else Drop.BAD_ARGUMENT
                self._tally.drop(known)
                self._moving -= 1
            else:
                yield hashed(draft, self._hash)

    def _finish(self) -> None:
        lane = self._lane
        if lane is not None:
            self._pump(lane)
            while len(self._buffer) and self._left_s() > 0:
                lane.flush(min(0.1, self._left_s()))
                self._pump(lane)
            lane.flush(self._left_s())
            lane.give_up()
        left = len(self._buffer.take(len(self._buffer)))
        if left:
            self._tally.drop(Drop.UNDELIVERED, left)
        self._report(at_once=True)

    def _retire(self, lane: Lane) -> None:
        """Leave a producer that failed for good; the next turn opens another."""
        self._trouble = lane.trouble
        lane.give_up()
        self._delivered_before += lane.delivered
        self._lane = None

    def _report(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now < self._report_at:
            return
        dropped = self._tally.dropped()
        fresh = dropped - self._reported
        trouble = self._lane.trouble if self._lane else self._trouble
        if not fresh and not (trouble and self.waiting):
            return
        self._reported = dropped
        self._report_at = now + self._options.report_s
        losses = ", ".join(f"{count} {reason}" for reason, count in sorted(fresh.items()))
        LOG.warning(
            "davy: %s lost, %d waiting for %s%s",
            losses or "nothing",
            self.waiting,
            self._options.bootstrap,
            f"; last trouble: {trouble}" if trouble else "",
        )
