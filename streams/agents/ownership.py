"""Who folds which partition on this worker, and what happens when that changes or fails?

One owner per assigned partition. Whatever goes wrong, the remedy is the same: drop the owner,
build a new one from the log, seek to where its state ends. Offsets decide what counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka.errors import KafkaError

from streams.agents.batch import Batch, Partition
from streams.agents.building import end, load
from streams.agents.feeding import Feeding
from streams.agents.halts import Halts, Waits
from streams.agents.meters import Meters
from streams.agents.owner import Owner
from streams.agents.retention import Losses
from streams.errors import FencedError, StalledError
from streams.wire.sparing import Sparing

logger = logging.getLogger(__name__)

SEEK_S = 1.0
"""What is fetched within so long after a seek may have been under way before it."""
LOAD_S = 50.0
Confirm = Callable[[Partition, int], Awaitable[bool]]
"""Asks the group whether a partition is this worker's, by a commit of this offset."""
Seek = Callable[[Mapping[Partition, int]], Awaitable[None]]


class Ownership:
    """The owners of this worker's partitions."""

    def __init__(
        self,
        make: Callable[[Partition], Owner],
        meters: Meters | None = None,
        load_s: float = LOAD_S,
        planned: Callable[[Partition], bool] = lambda _: True,
    ) -> None:
        """Only partitions that are `planned` get an owner: others have no state anywhere."""
        self.load_s = load_s
        """How long the state of all partitions may take to be read."""
        self.failure: BaseException | None = None
        """Why this worker cannot go on, if so."""
        self.taken = False
        """Whether the group has spoken at all."""
        self._moves, self._moved = 0, 0
        """How often partitions began to change hands, and which of these times has ended."""
        self.ending = False
        """Whether the worker stops: what fails now is left to the next owner."""
        self._make, self._planned = make, planned
        self._meters = meters or Meters()
        self._owners: dict[Partition, Owner] = {}
        self._changing = asyncio.Lock()
        self.feeding = Feeding()
        self._sought: dict[Partition, float] = {}
        """Loop time of each partition's last seek on account of its owner."""
        self._sparing = Sparing(logger.error)
        self._halts = Halts(self._sparing)
        self.seek: Seek | None = None
        """Set by the app once the consumer exists."""
        self.confirm: Confirm | None = None
        """The same; without it, partitions are this worker's until `take` says otherwise."""
        self.progress: dict[Partition, int] = {}
        """Partition -> next offset; liveness is that these move while there is lag."""
        self.losses = Losses()
        """What retention deleted before it was read; the transport tells it."""

    def partitions(self) -> list[Partition]:
        """Partitions owned now."""
        return sorted(self._owners)

    def owners(self) -> dict[Partition, Owner]:
        """The owner of each partition owned now."""
        return dict(self._owners)

    @property
    def moving(self) -> bool:
        """Whether partitions change hands: until all are read and sought, no batch is handed on."""
        return self._moved < self._moves

    def move(self) -> int:
        """Partitions change hands from now on; returns which time it is."""
        self._moves += 1
        return self._moves

    def moved(self, time: int) -> None:
        """This time has ended; one that began since has not."""
        self._moved = max(time, self._moved)

    def renew(self, partition: Partition, why: StalledError) -> None:
        """Give up on an owner that stands still; the feed that it hangs in, or `heal`, rebuilds."""
        self._owners[partition].fail(why)
        self._meters.stalls.labels(*partition).inc()
        self.feeding.let_go(partition)

    def durable_offset(self, partition: Partition) -> int | None:
        """First offset that a restart would read again."""
        owner = self._owners.get(partition)
        return None if owner is None or owner.durable_offset <= 0 else owner.durable_offset

    async def take(self, assigned: Iterable[Partition]) -> dict[Partition, int]:
        """Own those of these partitions that are planned; returns where to continue each."""
        async with self._changing:
            wanted = set(filter(self._planned, assigned))
            self._meters.assignments.inc()
            gone = map(self._drop, sorted(self._owners.keys() - wanted))
            held = map(self._hold, sorted(wanted))
            # All have ended before the lock is let go, whatever becomes of one.
            for failure in await asyncio.gather(*gone, *held, return_exceptions=True):
                if failure is not None:
                    raise failure
            self.taken = True
            return {p: o.next_offset for p, o in self._owners.items() if o.failure is None}

    async def feed(self, batch: Batch) -> None:
        """Give a batch to its owner, if it continues where the owner stands."""
        owner = self._owners.get(batch.partition)
        if owner is None or batch.end <= owner.next_offset:
            return
        if isinstance(owner.failure, Waits):
            return  # `heal` seeks back to it; the others must not wait here
        if owner.failure is not None:
            await self._rebuild(batch.partition, owner)
            return
        if batch.start > owner.next_offset:
            await self._seek_back(batch.partition, owner)
            return
        try:
            await self._feed(owner, batch)
        except BaseException as error:
            owner.fail(error)  # at once: half a batch must never become durable
            if not isinstance(error, Exception):
                raise  # cancelled; `heal` sees to the owner
            if isinstance(error, Waits):
                self._halt(batch.partition, error, loaded=True)
                return
            await self._rebuild(batch.partition, owner)
            return
        if self._owners.get(batch.partition) is owner:
            self._halts.succeeded(batch.partition)
            self.progress[batch.partition] = owner.next_offset

    async def _feed(self, owner: Owner, batch: Batch) -> None:
        """Feed for as long as it takes; `renew` ends it."""
        failures = self._halts.failures(batch.partition)
        folding = owner.feed(batch.since(owner.next_offset), failures)
        await self.feeding.run(batch.partition, folding)

    async def flush(self) -> None:
        """Make everything durable, each owner in its own transaction."""
        await asyncio.gather(*(self._flush(*owned) for owned in sorted(self._owners.items())))

    @staticmethod
    async def _flush(partition: Partition, owner: Owner) -> None:
        """Make an owner's work durable; one that fails is left to be rebuilt."""
        try:
            await owner.flush()
        except Exception as error:  # noqa: BLE001 - the next feed rebuilds it
            owner.fail(error)
            logger.warning("%s-%d: flush failed: %s", *partition, error)

    async def heal(self) -> None:
        """Rebuild owners that failed in the background, or could not be rebuilt before."""
        for partition, owner in sorted(self._owners.items()):
            if partition in self._halts and isinstance(owner.failure, Waits):
                if await self._halts.may_go_on(partition, owner.failure):
                    await self._replace(partition, owner)
            elif owner.failure is not None:
                await self._rebuild(partition, owner)
        self._sparing.remind()

    async def close(self) -> None:
        """Drop every owner."""
        async with self._changing:
            await asyncio.gather(*map(self._drop, sorted(self._owners)))

    async def _hold(self, partition: Partition) -> None:
        """Own a partition; a failed owner keeps its place until there is another."""
        held = self._owners.get(partition)
        if held is not None:
            if held.failure is None:
                return
            await end(partition, held)
        owner = self._make(partition)
        why = await load(partition, owner, self.load_s)
        self._owners[partition] = owner  # one that failed keeps its place too: the others go on
        if why is None:
            self._halts.end(partition)
            self.progress[partition] = owner.next_offset
            logger.info("%s-%d: owned from offset %d", *partition, owner.next_offset)
        elif isinstance(why, Waits):
            self._halt(partition, why, loaded=False)
        else:
            logger.warning("%s-%d: not loaded yet, `heal` tries again: %r", *partition, why)

    async def _drop(self, partition: Partition) -> None:
        owner = self._owners.pop(partition, None)
        self.progress.pop(partition, None)
        self._halts.end(partition)
        self._sought.pop(partition, None)
        if owner is not None:
            await end(partition, owner)

    def _halt(self, partition: Partition, error: Waits, *, loaded: bool) -> None:
        """Let a partition stand still: no progress is expected of it."""
        self._halts.halt(partition, error, loaded=loaded)
        self.progress.pop(partition, None)

    async def _rebuild(self, partition: Partition, owner: Owner) -> None:
        """Replace an owner that failed, and seek to where the state ends."""
        if self.ending:
            return
        why = owner.failure
        pause_s = self._halts.failed(partition)
        self._meters.rebuilds.labels(*partition).inc()
        if isinstance(why, FencedError):
            self._meters.fenced.labels(*partition).inc()
            # Who took it over may have been given it: `_may_replace` asks before it is taken back.
            logger.warning("%s-%d: %s", *partition, why)
        else:
            told = None if why is None or isinstance(why, StalledError) else why
            logger.warning("%s-%d: rebuilding from the log (%r)", *partition, why, exc_info=told)
        await asyncio.sleep(pause_s)
        await self._replace(partition, owner)

    async def _seek_back(self, partition: Partition, owner: Owner) -> None:
        """Read again from where the owner stands: its state is whole, records are missing.

        Batches that were fetched before a seek come after it and show the gap too: they are
        passed over, else each of them would undo the seek before it.
        """
        now = asyncio.get_running_loop().time()
        if self.ending or now - self._sought.get(partition, -SEEK_S) < SEEK_S:
            return
        self._sought[partition] = now
        logger.warning("%s-%d: records missing: back to offset %d", *partition, owner.next_offset)
        async with self._changing:
            if self._owners.get(partition) is not owner or self.seek is None or self.ending:
                return
            try:
                await self.seek({partition: owner.next_offset})
            except KafkaError as error:  # the next batch shows the gap again
                logger.warning("%s-%d: not sought: %r", *partition, error)

    async def _may_replace(self, partition: Partition, owner: Owner) -> bool:
        """Whether an owner may be built anew: a new one fences whoever owns the partition by now.

        A worker that was stopped for a while hears from the broker that it was fenced before it
        hears from the group that others have taken over.
        """
        if owner.failure is None or self.confirm is None:
            return True
        if await self.confirm(partition, max(0, owner.durable_offset)):
            if isinstance(owner.failure, FencedError):
                logger.warning("%s-%d: rebuilding: the group says that it is ours", *partition)
            return True
        topic, number = partition
        said = f"{topic}-{number}: the group does not confirm that it is this worker's"
        self._sparing.say(said, f"{said}; it ends its ownership and waits to be assigned anew")
        return False

    async def _replace(self, partition: Partition, owner: Owner) -> None:
        """Hold a new owner in the place of one that failed, and seek to where it stands."""
        if not await self._may_replace(partition, owner):
            return
        async with self._changing:
            if self._owners.get(partition) is not owner or self.seek is None or self.ending:
                return
            try:
                await self._hold(partition)
                if self._owners[partition].failure is None:
                    self._sought[partition] = asyncio.get_running_loop().time()
                    await self.seek({partition: self._owners[partition].next_offset})
            except Exception as error:  # noqa: BLE001 - the broker may be away: `heal` tries again
                self._owners[partition].fail(error)
                logger.warning("%s-%d: not rebuilt: %r", *partition, error)
