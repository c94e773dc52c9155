"""What do all owners on a worker share?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from streams.agents.batch import Partition
from streams.agents.counts import CountWatch
from streams.agents.meters import Meters
from streams.agents.retention import Losses
from streams.agents.specs import SpecFeed
from streams.agents.writer import LogWriter, PlainWriter, TransactionalWriter
from streams.settings import Settings
from streams.tracing.opening import Traces, trail_of
from streams.tracing.trail import Trail
from streams.wire.codec import Codec
from streams.wire.own import OwnRecords
from streams.wire.signatures import Signer

Offset = Callable[[Partition], Awaitable[int]]
"""Asks the broker for an offset of a partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Settings, codec, davy's own topics, live specs and how this broker is written to."""

    settings: Settings
    codec: Codec
    own: OwnRecords
    specs: SpecFeed
    transactional: bool
    counts: CountWatch
    losses: Losses
    begin_offset: Offset
    """Of the first record that is left."""
    end_offset: Offset
    """Where readers of committed records end."""
    leaving: Callable[[], bool] = lambda: False
    """Whether partitions change hands or the worker stops: what is not begun is left to others."""
    signer: Signer | None = None
    """Signs decisions and leases; None leaves them unsigned."""
    meters: Meters = field(default_factory=Meters)
    traces: Traces | None = None
    """Where spans go; None where nobody wants any."""

    @property
    def connection(self) -> dict[str, Any]:
        """Keyword arguments of aiokafka's clients."""
        return dict(self.settings.aiokafka())

    def signature(self, topic: str, key: str, value: bytes) -> tuple[tuple[str, bytes], ...]:
        """Headers that tell who made this record; `topic` is the full name."""
        return () if self.signer is None else self.signer.headers(topic, key.encode(), value)

    def trail(self) -> Trail:
        """Of the traces that lead to what one owner does."""
        return trail_of(self.traces)

    def writer(self, what: str) -> LogWriter:
        """A writer for one owner; `what` names its partition, for ever."""
        if self.transactional:
            own = f"{self.settings.group}-{what}"
            return TransactionalWriter(self.connection, own, patience_s=self.settings.stall_s)
        return PlainWriter(self.connection)
