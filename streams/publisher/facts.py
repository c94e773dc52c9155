"""What can happen to a published record, and how is it counted?"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a request ended; a timeout counts as an error too."""

    OK = "OK"
    ERROR = "ERROR"
    TIMEOUT = "TIMEOUT"


class Drop(StrEnum):
    """Why a record was not published."""

    BUFFER_FULL = "buffer_full"  # records came faster than the broker took them, or it is down
    BAD_ARGUMENT = "bad_argument"  # a value that cannot be read at all
    BAD_LATENCY = "bad_latency"  # not a number, infinite, negative or above 1e7 ms
    BAD_STATUS = "bad_status"  # neither OK nor ERROR nor TIMEOUT
    BAD_TIME = "bad_time"  # not milliseconds between 1970 and 2200
    BAD_VALUE = "bad_value"  # an outcome without a label and without a finite value
    NO_NAME = "no_name"  # an outcome without request id or metric, or an empty model version
    TOO_BIG = "too_big"  # an id longer than MAX_TEXT, or more than the broker takes
    UNENCODABLE = "unencodable"  # Avro refused the record
    REJECTED = "rejected"  # the broker refused it: no topic, no permission ...
    TIMED_OUT = "timed_out"  # not delivered within message.timeout.ms
    CLOSED = "closed"  # published after close()
    UNDELIVERED = "undelivered"  # not delivered when close() reached its deadline


class Repair(StrEnum):
    """What was changed in a record that was published all the same."""

    NO_REQUEST_ID = "no_request_id"  # a random id was given
    BAD_SCORE = "bad_score"  # not in [0, 1]: published as null
    BAD_CONFIDENCE = "bad_confidence"  # the same
    BAD_SEGMENTS = "bad_segments"  # no mapping, or too many entries: the rest was left out
    BAD_LLM = "bad_llm"  # an unknown or unreadable value: published as null
    TOO_LONG = "too_long"  # text cut to MAX_TEXT characters
    BAD_TEXT = "bad_text"  # what UTF-8 cannot say became a question mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What became of the records so far. Taken = delivered + waiting + dropped after taking."""

    taken: int
    """Records that went into the buffer."""
    delivered: int
    """Records that the broker has acknowledged."""
    waiting: int
    """Records in the buffer or under way."""
    dropped: Mapping[Drop, int]
    repaired: Mapping[Repair, int]

    @property
    def lost(self) -> int:
        """Dropped records, whatever the reason."""
        return sum(self.dropped.values())


class Tally:
    """The running counts; safe to share between threads, and re-entrant for signal handlers."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._dropped: Counter[Drop] = Counter()
        self._repaired: Counter[Repair] = Counter()

    def drop(self, reason: Drop, count: int = 1) -> None:
        """Count records that are lost."""
        with self._lock:
            self._dropped[reason] += count

    def repair(self, reason: Repair) -> None:
        """Count a record that was changed."""
        with self._lock:
            self._repaired[reason] += 1

    def dropped(self) -> Counter[Drop]:
        """A copy of the drop counts."""
        with self._lock:
            return self._dropped.copy()

    def repaired(self) -> Counter[Repair]:
        """A copy of the repair counts."""
        with self._lock:
            return self._repaired.copy()
