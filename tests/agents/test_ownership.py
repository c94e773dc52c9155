"""Whatever fails, no partition is left behind and nothing half-done becomes durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from streams.agents import halts, ownership
from streams.agents.batch import Batch, Partition
from streams.agents.owner import Owner
from streams.agents.ownership import Ownership
from streams.agents.records import Records
from streams.errors import FencedError
from streams.wire.own import Unreadable
from streams.wire.reasons import BadRecord, Reason

HERE, THERE = Partition("t", 0), Partition("t", 1)


@dataclass
class MemoryOwner:
    """An owner whose state is a number; `load` and `feed` may be told to fail."""

    loading: Callable[[], None] = lambda: None
    feeding: Callable[[], None] = lambda: None
    next_offset: int = 0
    durable_offset: int = 0
    failure: BaseException | None = None
    closed: bool = False
    loaded: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, error: BaseException) -> None:
        self.failure = error

    async def load(self) -> None:
        await asyncio.sleep(0)
        self.loading()
        self.loaded.set()

    async def feed(self, batch: Batch, failures: int = 0) -> None:  # noqa: ARG002
        self.feeding()
        self.next_offset = batch.end

    async def flush(self) -> None:
        self.durable_offset = self.next_offset

    async def close(self) -> None:
        self.closed = True


class Made:
    """Makes owners as planned, then ordinary ones."""

    def __init__(self, *planned: MemoryOwner) -> None:
        self.planned = list(planned)
        self.owners: list[MemoryOwner] = []

    def __call__(self, _: Partition) -> Owner:
        self.owners.append(self.planned.pop(0) if self.planned else MemoryOwner())
        return self.owners[-1]


def batch(start: int, end: int) -> Batch:
    return Batch(partition=HERE, start=start, end=end, records=Records())


def broken() -> None:
    raise ConnectionError("the broker is away")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halts, "RETRY_S", (0.0,))


def seeks(owned: Ownership) -> list[dict[Partition, int]]:
    """Where the consumer was told to go."""
    told: list[dict[Partition, int]] = []

    async def seek(positions: Mapping[Partition, int]) -> None:
        told.append(dict(positions))

    owned.seek = seek
    return told


class TestFeed:
    async def test_a_failed_owner_is_failed_before_anything_else_runs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the rebuild waits its turn, the half-changed owner may not flush."""
        monkeypatch.setattr(halts, "RETRY_S", (3600.0,))
        owned = Ownership(Made(first := MemoryOwner(feeding=broken)))
        await owned.take([HERE])
        feeding = asyncio.create_task(owned.feed(batch(0, 5)))
        await asyncio.sleep(0)
        assert isinstance(first.failure, ConnectionError)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)

    async def test_cancelled_half_way(self) -> None:
        """A feed that was cancelled leaves nothing that anybody trusts."""

        def cancelled() -> None:
            raise asyncio.CancelledError

        owned = Ownership(made := Made(MemoryOwner(feeding=cancelled)))
        told = seeks(owned)
        await owned.take([HERE])
        with pytest.raises(asyncio.CancelledError):
            await owned.feed(batch(0, 5))
        await owned.heal()
        assert (len(made.owners), told) == (2, [{HERE: 0}])

    async def test_no_owner_answers_for_the_failure_of_the_one_before(self) -> None:
        """An owner that a rebalance replaced fails late: its successor is left alone."""
        owned = Ownership(made := Made())

        async def rebalanced() -> None:
            await owned.take([])
            await owned.take([HERE])

        class Replaced(MemoryOwner):
            async def feed(self, batch: Batch, failures: int = 0) -> None:  # noqa: ARG002
                await rebalanced()
                broken()

        made.planned.append(Replaced())
        told = seeks(owned)
        await owned.take([HERE])
        await owned.feed(batch(0, 5))
        assert (len(made.owners), made.owners[1].failure, told) == (2, None, [])


class TestRebuild:
    async def test_tried_until_it_works(self) -> None:
        """A broker that is away while an owner is rebuilt does not orphan the partition."""
        away = MemoryOwner(loading=broken)
        owned = Ownership(made := Made(MemoryOwner(feeding=broken), away))
        told = seeks(owned)
        await owned.take([HERE])
        await owned.feed(batch(0, 5))
        assert (owned.partitions(), away.closed, told) == ([HERE], True, [])
        await owned.heal()
        await owned.feed(batch(0, 5))
        assert (told, made.owners[-1].next_offset) == ([{HERE: 0}], 5)


class TestFenced:
    async def test_the_group_says_that_it_is_ours(self, caplog: pytest.LogCaptureFixture) -> None:
        """Then it is taken back, and that is told."""

        async def confirm(_: Partition, __: int) -> bool:
            return True

        owned = Ownership(made := Made(first := MemoryOwner()))
        seeks(owned)
        owned.confirm = confirm
        await owned.take([HERE])
        first.fail(FencedError("another owner has started"))
        await owned.heal()
        assert (len(made.owners), "rebuilding" in caplog.text) == (2, True)

    async def test_a_worker_that_lost_the_partition_fences_nobody(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Building an owner anew would take the partition from whoever has it by now."""
        owned = Ownership(made := Made())
        told, answers = seeks(owned), [False, False, True]

        async def confirm(_: Partition, __: int) -> bool:
            return answers.pop(0)

        owned.confirm = confirm
        await owned.take([HERE])
        made.owners[0].fail(FencedError("t-0: another owner has started"))
        await owned.feed(batch(0, 5))
        await owned.heal()
        assert (len(made.owners), told) == (1, [])
        assert caplog.text.count("it ends its ownership") == 1
        await owned.heal()
        assert (len(made.owners), told) == (2, [{HERE: 0}])


class TestTake:
    async def test_all_have_ended_when_one_fails(self) -> None:
        """No owner goes on loading behind the back of the next assignment."""

        class Slow(MemoryOwner):
            async def load(self) -> None:
                for _ in range(5):
                    await asyncio.sleep(0)
                await super().load()

        slow = Slow()
        owned = Ownership(Made(MemoryOwner(loading=broken), slow))
        with pytest.raises(ConnectionError):
            await owned.take([HERE, THERE])
        assert slow.loaded.is_set()

    async def test_a_broker_that_answers_late_ends_no_worker(self) -> None:
        """The others begin; what was not loaded is built anew and sought by itself."""

        def late() -> None:
            raise KafkaTimeoutError("Failed to get offsets by times in 6000 ms")

        owned = Ownership(made := Made(MemoryOwner(loading=late), MemoryOwner()))
        told = seeks(owned)
        assert await owned.take([HERE, THERE]) == {THERE: 0}
        assert (made.owners[0].closed, owned.partitions()) == (True, [HERE, THERE])
        await owned.heal()
        await owned.feed(batch(0, 5))
        assert (told, made.owners[-1].next_offset) == ([{HERE: 0}], 5)

    async def test_what_a_broker_forbids_is_not_tried_again(self) -> None:
        def forbidden() -> None:
            raise TopicAuthorizationFailedError("t")

        owned = Ownership(Made(MemoryOwner(loading=forbidden)))
        with pytest.raises(TopicAuthorizationFailedError):
            await owned.take([HERE])


@dataclass
class Sociable(MemoryOwner):
    """Closes and flushes together with another one."""

    meeting: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))

    async def close(self) -> None:
        await self._meet()
        await super().close()

    async def flush(self) -> None:
        await self._meet()
        await super().flush()

    async def _meet(self) -> None:
        async with asyncio.timeout(5):
            await self.meeting.wait()


class TestAtOnce:
    """A rebalance waits for the slowest owner, not for all of them one by one."""

    @pytest.fixture
    async def owned(self) -> Ownership:
        first = Sociable()
        owned = Ownership(Made(first, Sociable(meeting=first.meeting)))
        await owned.take([HERE, THERE])
        return owned

    async def test_all_are_let_go(self, owned: Ownership) -> None:
        owners = owned.owners().values()
        assert await owned.take([]) == {}
        assert [owner.closed for owner in owners] == [True, True]

    async def test_all_are_made_durable(self, owned: Ownership) -> None:
        for where in (HERE, THERE):
            await owned.feed(Batch(partition=where, start=0, end=5, records=Records()))
        await owned.flush()
        assert [owned.durable_offset(where) for where in (HERE, THERE)] == [5, 5]


class Locked:
    """A record that cannot be read until somebody registers its schema."""

    def __init__(self) -> None:
        self.readable = False

    def read(self) -> None:
        if not self.readable:
            raise BadRecord(Reason.UNKNOWN_SCHEMA, "id 7")

    def meet(self) -> None:
        if not self.readable:
            raise Unreadable("t-0@3: may hold state and cannot be read", self.read)


class TestUnreadable:
    async def test_in_the_source(self, caplog: pytest.LogCaptureFixture) -> None:
        """It waits without being built anew and holds up nobody; then it is sought again."""
        locked = Locked()
        owned = Ownership(made := Made(MemoryOwner(feeding=locked.meet), MemoryOwner()))
        told = seeks(owned)
        await owned.take([HERE, THERE])
        await owned.feed(batch(0, 5))
        await owned.feed(batch(5, 9))
        await owned.feed(Batch(partition=THERE, start=0, end=5, records=Records()))
        for _ in range(3):
            await owned.heal()
        assert (len(made.owners), told) == (2, [])
        assert owned.progress == {THERE: 5}
        locked.readable = True
        await owned.heal()
        assert (len(made.owners), told) == (3, [{HERE: 0}])
        assert caplog.text.count("t-0 stands still: t-0@3: ") == 1
        assert "Traceback" not in caplog.text

    async def test_in_the_state(self) -> None:
        """The worker starts without it, and reads the state again until it can."""
        locked = Locked()
        owned = Ownership(made := Made(*(MemoryOwner(loading=locked.meet) for _ in range(3))))
        told = seeks(owned)
        made.planned.insert(1, MemoryOwner())
        assert await owned.take([HERE, THERE]) == {THERE: 0}
        await owned.feed(batch(0, 5))
        await owned.heal()
        assert told == []
        locked.readable = True
        await owned.heal()
        await owned.feed(batch(0, 5))
        assert (told, owned.progress) == ([{HERE: 0}], {HERE: 5, THERE: 0})


class TestGaps:
    """Records are missing between where an owner stands and where a batch begins."""

    async def test_they_are_read_again_by_the_same_owner(self) -> None:
        """Its state is whole: nothing is built anew."""
        owned = Ownership(made := Made())
        told = seeks(owned)
        await owned.take([HERE])
        await owned.feed(batch(5, 9))
        await owned.feed(batch(0, 5))
        assert (told, len(made.owners), made.owners[0].next_offset) == ([{HERE: 0}], 1, 5)

    async def test_batches_from_before_the_seek_do_not_undo_it(self) -> None:
        """A dozen of them may be on their way; each shows the same gap."""
        owned = Ownership(made := Made())
        told = seeks(owned)
        await owned.take([HERE])
        for start in range(5, 60, 5):
            await owned.feed(batch(start, start + 5))
        assert (told, made.owners[0].next_offset) == ([{HERE: 0}], 0)

    async def test_a_seek_that_was_lost_is_made_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ownership, "SEEK_S", 0.0)
        owned = Ownership(Made())
        told = seeks(owned)
        await owned.take([HERE])
        await owned.feed(batch(5, 9))
        await owned.feed(batch(9, 12))
        assert told == [{HERE: 0}, {HERE: 0}]

    async def test_after_a_failure_too(self) -> None:
        """What was fetched behind the failed batch does not seek once more."""
        owned = Ownership(made := Made(MemoryOwner(feeding=broken)))
        told = seeks(owned)
        await owned.take([HERE])
        for start in range(0, 30, 5):
            await owned.feed(batch(start, start + 5))
        assert (told, len(made.owners)) == ([{HERE: 0}], 2)
