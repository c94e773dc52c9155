"""What stands still with work waiting is built anew, and ends the worker if that does not help."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.agents import building, halts
from streams.agents.batch import Batch, Partition, Place
from streams.agents.health import Health
from streams.agents.ownership import Ownership
from streams.agents.progress import Courses, JudgedFacts, OwnerFacts, Standing
from streams.agents.records import Records
from streams.agents.watch import Watch
from streams.errors import LogError, RegistryError, StalledError
from streams.serving.pulse import Pulse
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.own import OwnRecords
from streams.wire.sparing import Sparing
from streams.wire.store import LocalSchemaStore

HERE = Partition("t", 0)
SETTINGS = Settings(stall_s=30, load_s=50)


@dataclass
class MemoryOwner:
    """An owner whose state is a number; some never end what they were given."""

    hangs: bool = False
    next_offset: int = 0
    durable_offset: int = 0
    failure: BaseException | None = None
    facts: OwnerFacts = ()

    def fail(self, error: BaseException) -> None:
        self.failure = self.failure or error

    async def load(self) -> None:
        await asyncio.sleep(0)

    async def feed(self, batch: Batch, failures: int = 0) -> None:  # noqa: ARG002
        if self.hangs:
            await asyncio.Event().wait()
        self.next_offset = batch.end

    async def flush(self) -> None:
        self.durable_offset = self.next_offset

    async def close(self) -> None:
        await asyncio.sleep(0)


@dataclass
class MemoryLog:
    """A log of one partition, and how far the transport has come with it."""

    end: int = 0
    handed: int | None = None
    away: bool = False
    also: tuple[Partition, ...] = ()
    """Assigned beside `HERE`."""

    def assigned(self) -> Collection[Partition]:
        return (HERE, *self.also)

    def place(self, _: Partition) -> Place | None:
        return None if self.handed is None else Place(handed=self.handed, fetched=self.end)

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        if self.away:
            raise KafkaConnectionError
        return dict.fromkeys(partitions, self.end)


@dataclass
class World:
    """A worker's owners under watch; seconds pass as told."""

    owners: list[MemoryOwner] = field(default_factory=lambda: [MemoryOwner()])
    log: MemoryLog = field(default_factory=MemoryLog)
    sought: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made: list[MemoryOwner] = []
        self.ownership = Ownership(self._make)
        self.ownership.seek = self._seek
        own = OwnRecords(Codec(LocalSchemaStore()), Sparing(print))
        self.watch = Watch(SETTINGS, self.ownership, self.log, own)

    def _make(self, _: Partition) -> MemoryOwner:
        self.made.append(self.owners.pop(0) if self.owners else MemoryOwner())
        return self.made[-1]

    async def _seek(self, positions: object) -> None:
        self.sought.append(positions[HERE])

    async def pass_s(self, seconds: float) -> None:
        """Look twice, so that the second look is `seconds` after the first."""
        for passed in (0.0, seconds):
            answers = await self.watch._ask()
            self.watch.look(passed if answers else 0.0)

    @property
    def standing(self) -> Standing:
        return self.watch.facts.partitions[0].standing

    def metric(self, name: str) -> float | None:
        labels = {"topic": "t", "partition": "0"}
        return self.ownership._meters.registry.get_sample_value(name, labels)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halts, "RETRY_S", (0.0,))


def judged(rollout: str, pane: int) -> JudgedFacts:
    return JudgedFacts(rollout=rollout, service="s", pane=pane, lease_s=0.0)


async def owned(**facts: object) -> World:
    world = World(**facts)
    await world.ownership.take([HERE])
    return world


class TestStalls:
    async def test_lag_that_does_not_move_is_built_anew_then_ends(self) -> None:
        world = await owned(log=MemoryLog(end=10))
        await world.pass_s(29)
        assert world.standing is Standing.GOES
        await world.pass_s(2)
        assert world.standing is Standing.STALLED
        assert isinstance(world.made[0].failure, StalledError)
        assert "at offset 0, 10 records wait" in str(world.made[0].failure)
        assert world.metric("davy_worker_stalls_total") == 1
        await world.ownership.heal()
        assert (len(world.made), world.sought) == (2, [0])
        with pytest.raises(StalledError, match=r"t-0 stands still .* did not help"):
            await world.pass_s(31)

    async def test_one_that_goes_further_may_stall_again(self) -> None:
        world = await owned(log=MemoryLog(end=10))
        for offset in (0, 1, 2):
            world.made[-1].next_offset = offset
            await world.pass_s(31)
            await world.ownership.heal()
        assert world.metric("davy_worker_stalls_total") == 3

    async def test_one_that_is_built_anew_and_comes_no_further_ends(self) -> None:
        """Its offset goes back and up again: that is movement, and no progress."""
        world = await owned(log=MemoryLog(end=10))
        world.made[-1].next_offset = 5
        await world.pass_s(31)
        await world.ownership.heal()
        await world.pass_s(5)
        world.made[-1].next_offset = 5
        with pytest.raises(StalledError):
            await world.pass_s(31)

    async def test_a_judge_that_decides_on_one_record_for_long_goes_on(self) -> None:
        """It closes many panes at once, and a slow broker takes seconds for each decision."""
        world = await owned(log=MemoryLog(end=10))
        for pane in range(5):
            world.made[0].facts = (judged("idle", 0), judged("r", pane))
            await world.pass_s(29)
            assert (world.standing, world.made[0].failure) == (Standing.GOES, None)
        await world.pass_s(31)
        assert isinstance(world.made[0].failure, StalledError)

    async def test_a_judge_that_begins_anew_again_and_again_does_not(self) -> None:
        """What it decides never becomes durable, so it is never further than before."""
        world = await owned(log=MemoryLog(end=10))
        for pane in (0, 1, 2, 0, 1, 2, 0):
            world.made[0].facts = (judged("r", pane),)
            await world.pass_s(9)
        assert isinstance(world.made[0].failure, StalledError)

    async def test_nothing_to_read_is_no_stall(self) -> None:
        world = await owned(log=MemoryLog(end=0))
        await world.pass_s(3600)
        assert world.standing is Standing.GOES

    async def test_a_marker_at_the_end_is_nothing_to_read(self) -> None:
        world = await owned(log=MemoryLog(end=1, handed=0))
        await world.pass_s(3600)
        assert (world.standing, world.watch.facts.partitions[0].lag) == (Standing.GOES, 0)

    async def test_a_broker_that_is_away_is_no_stall(self) -> None:
        world = await owned(log=MemoryLog(end=10))
        await world.pass_s(1)
        world.log.away = True
        await world.pass_s(3600)
        assert world.standing is Standing.GOES

    @pytest.mark.parametrize("why", [RegistryError("away"), KafkaConnectionError()], ids=str)
    async def test_what_waits_for_broker_or_registry_is_no_stall(self, why: Exception) -> None:
        world = await owned(log=MemoryLog(end=10))
        world.made[0].fail(why)
        await world.pass_s(3600)
        assert world.standing is Standing.AWAY

    async def test_a_failure_of_ours_that_does_not_heal_is_one(self) -> None:
        world = await owned(log=MemoryLog(end=10))
        world.made[0].fail(LogError("a bug"))
        await world.pass_s(31)
        with pytest.raises(StalledError):
            await world.pass_s(31)

    async def test_while_partitions_change_hands_nobody_is_at_fault(self) -> None:
        """One that takes long to be read, behind a hanging transaction, holds up the others."""
        world = await owned(log=MemoryLog(end=10))
        for _ in range(3):
            time = world.ownership.move()
            await world.pass_s(109)
            assert (world.standing, world.made[0].failure) == (Standing.GOES, None)
            world.ownership.moved(time)
            await world.pass_s(9)
        assert world.standing is Standing.GOES

    async def test_partitions_that_change_hands_for_ever_end_the_worker(self) -> None:
        world = await owned(log=MemoryLog(end=10))
        world.ownership.move()
        with pytest.raises(StalledError, match="do not cease to change hands"):
            await world.pass_s(111)

    async def test_a_partition_that_nobody_takes_up_ends_the_worker(self) -> None:
        world = await owned(log=MemoryLog(also=(Partition("t", 1),)))
        await world.pass_s(79)
        assert world.watch.facts.unowned == (Partition("t", 1),)
        with pytest.raises(StalledError, match=r"t-1 stands still .* was not taken up"):
            await world.pass_s(2)


async def test_a_feed_that_never_ends_is_let_go_and_its_partition_goes_on() -> None:
    """The agent that waits in it goes on with the next batch: others wait behind it."""
    world = await owned(owners=[MemoryOwner(hangs=True)], log=MemoryLog(end=10))
    batch = Batch(partition=HERE, start=0, end=10, records=Records())
    feeding = asyncio.create_task(world.ownership.feed(batch))
    await asyncio.sleep(0)
    await world.pass_s(31)
    async with asyncio.timeout(20):
        await feeding
    assert (len(world.made), world.sought) == (2, [0])
    await world.ownership.feed(batch)
    assert world.made[1].next_offset == 10


async def test_a_feed_that_hangs_while_partitions_change_hands_is_let_go_too() -> None:
    """The change waits for it."""
    world = await owned(owners=[MemoryOwner(hangs=True)], log=MemoryLog(end=10))
    batch = Batch(partition=HERE, start=0, end=10, records=Records())
    feeding = asyncio.create_task(world.ownership.feed(batch))
    await asyncio.sleep(0)
    world.ownership.move()
    await world.pass_s(31)
    async with asyncio.timeout(20):
        await feeding
    assert len(world.made) == 2


async def test_who_waits_behind_one_that_hangs_is_not_at_fault() -> None:
    world = World(owners=[MemoryOwner(hangs=True)], log=MemoryLog(end=10))
    there = Partition("t", 1)
    await world.ownership.take([HERE, there])
    batch = Batch(partition=HERE, start=0, end=10, records=Records())
    feeding = asyncio.create_task(world.ownership.feed(batch))
    await asyncio.sleep(0)
    await world.pass_s(31)
    standings = {found.partition: found.standing for found in world.watch.facts.partitions}
    assert standings == {HERE: Standing.STALLED, there: Standing.GOES}
    await feeding
    await world.pass_s(29)
    assert world.ownership.owners()[there].failure is None


async def test_state_that_is_not_read_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: MemoryOwner) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(MemoryOwner, "load", never)
    world = World()
    world.ownership.load_s = 0.01
    with pytest.raises(TimeoutError):
        await world.ownership.take([HERE])


async def test_an_owner_that_does_not_end_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def never(_: MemoryOwner) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(building, "CLOSE_S", 0.01)
    monkeypatch.setattr(MemoryOwner, "close", never)
    world = await owned()
    await world.ownership.take([])
    assert world.ownership.partitions() == []
    assert "t-0: the owner before does not end" in caplog.text


class TestStatus:
    async def test_it_says_what_is_wrong(self) -> None:
        health = Health(SETTINGS)
        assert health.status(Pulse()).unready == ("starting",)
        world = await owned(log=MemoryLog(end=10, also=(Partition("t", 1),)))
        health.follow(world.watch)
        assert health.status(Pulse()).unready == ("the group has not spoken yet",)
        await world.pass_s(1)
        assert health.status(Pulse()).dead == ()
        assert health.status(Pulse()).unready == ("t-1: is being loaded",)
        await world.pass_s(31)
        assert health.status(Pulse()).dead == ("t-0: stands still with 10 records waiting",)

    def test_time_counts_only_while_something_waits(self) -> None:
        courses = Courses()
        for waiting in (True, True, False, True, True):
            course = courses.look("x", 7, waiting=waiting, passed_s=10)
        assert course.unmoved_s == 20
        assert courses.look("x", 8, waiting=True, passed_s=10).unmoved_s == 0
