"""What must whoever holds the state of one partition be able to do?"""

from __future__ import annotations

from typing import Protocol

from streams.agents.batch import Batch
from streams.agents.progress import OwnerFacts


class Owner(Protocol):
    """Holds the state of one partition; the only one that may write what follows from it."""

    @property
    def next_offset(self) -> int:
        """First offset not folded yet."""

    @property
    def durable_offset(self) -> int:
        """First offset that a restart would read again."""

    @property
    def failure(self) -> BaseException | None:
        """Why this owner can no longer be trusted, if so."""

    @property
    def facts(self) -> OwnerFacts:
        """What it tells of itself."""

    def fail(self, error: BaseException) -> None:
        """Trust this owner no longer."""

    async def load(self) -> None:
        """Fence the former owner, read the state, set `next_offset`."""

    async def feed(self, batch: Batch, failures: int = 0) -> None:
        """Fold a batch that starts at `next_offset`, after so many failures in a row."""

    async def flush(self) -> None:
        """Make everything fed so far durable."""

    async def close(self) -> None:
        """Stop background work and disconnect, without a flush."""
