"""The transport tells owners what the group decided."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.agents.app import create_app
from streams.agents.batch import Batch, Partition
from streams.agents.fetching import ConsumerThread
from streams.agents.ownership import Ownership
from streams.agents.polling import Polled
from streams.agents.records import Records
from streams.agents.transport import WAITING_BYTES
from streams.settings import Settings


class Assigned(Ownership):
    """Remembers what it was asked to own."""

    def __init__(self) -> None:
        super().__init__(lambda _: NotImplemented)
        self.asked: list[set[Partition]] = []

    async def take(self, assigned: Iterable[Partition]) -> dict[Partition, int]:
        self.asked.append(set(assigned))
        return {}


async def no_callback(*_: Any) -> None:
    pass


class TestAssignment:
    async def test_a_worker_without_partitions_owns_nothing(self) -> None:
        """One worker too many lets go of what it had: no heartbeat for others' rollouts."""
        app = create_app(Settings(), owned := Assigned())
        consumer: Any = app.consumer
        consumer._on_partitions_assigned = no_callback
        await consumer.on_partitions_assigned({TP("panes", 0)}, 1)
        assert owned.asked == []
        owned.move()
        await consumer.on_partitions_assigned(set(), 2)
        assert (owned.asked, owned.moving) == ([set()], False)
        consumer._thread.thread_loop.close()

    async def test_partitions_change_hands_until_all_are_sought(self) -> None:
        """From the revocation on: whoever is read first must wait for the last one."""
        app = create_app(Settings(), owned := Assigned())
        consumer: Any = app.consumer
        consumer._on_partitions_revoked = no_callback
        consumer.assignment, sought = set, []

        async def seek(_: object) -> None:
            sought.append(owned.moving)

        consumer.seek_wait = seek
        await consumer.on_partitions_revoked({TP("panes", 0)})
        assert owned.moving
        await consumer.perform_seek()
        assert (sought, owned.moving) == ([True], False)
        consumer._thread.thread_loop.close()

    def test_a_seek_of_an_assignment_before_ends_no_later_change(self) -> None:
        owned = Assigned()
        sought = owned.move()
        revoked = owned.move()
        owned.moved(sought)
        assert owned.moving
        owned.moved(revoked)
        assert not owned.moving


class TestPressure:
    """One queue fills and empties again while another topic has enough to do."""

    @pytest.fixture
    def consumer(self) -> Iterator[Any]:
        consumer: Any = create_app(Settings(), Assigned()).consumer
        consumer.assignment = lambda: {PANES, EVENTS, OTHERS}
        consumer._set_active_tps(consumer.assignment())
        consumer._unacked_messages = {consumer._message(PANES, waiting(PANES))}
        yield consumer
        consumer._thread.thread_loop.close()

    async def test_a_partition_whose_queue_emptied_is_fetched_again(self, consumer: Any) -> None:
        asked: list[set[TP]] = []

        async def fetch(tps: set[TP], _: float) -> dict[TP, Batch]:
            asked.append(set(tps))
            return {}

        consumer._thread.getmany = fetch
        consumer.on_buffer_full(EVENTS)
        await consumer._getmany(consumer._get_active_partitions(), 1.0)
        consumer.on_buffer_drop(EVENTS)
        consumer._unacked_messages.clear()
        await consumer._getmany(consumer._get_active_partitions(), 1.0)
        assert asked == [{OTHERS}, {PANES, EVENTS, OTHERS}]

    async def test_a_queue_that_fills_meanwhile_changes_nothing_for_who_fetches(
        self, consumer: Any
    ) -> None:
        """That is another thread: it goes through what it was asked for."""
        asked: set[TP] = set()

        async def fetch(tps: set[TP], _: float) -> dict[TP, Batch]:
            consumer.on_buffer_full(EVENTS)
            asked.update(tps)
            return {}

        consumer._thread.getmany = fetch
        consumer._unacked_messages.clear()
        await consumer._getmany(consumer._get_active_partitions(), 1.0)
        assert asked == {PANES, EVENTS, OTHERS}

    async def test_nothing_is_fetched_where_all_are_pressed(self, consumer: Any) -> None:
        """An empty choice would mean every partition to aiokafka."""
        assert await consumer._getmany({PANES}, 1.0) == {}


SEEKS = SimpleNamespace(beginning_offsets=None)
PANES, EVENTS, OTHERS = TP("panes", 0), TP("predictions", 3), TP("predictions", 1)
EVENTS_AT = Partition(*EVENTS)


def waiting(tp: TP) -> Batch:
    """As much as may wait of one topic."""
    return Batch(partition=Partition(*tp), start=0, end=1, records=Records(), size=WAITING_BYTES)


class Halfway(ConsumerThread):
    """A thread that is in the middle of a poll, which takes several fetches."""

    def __init__(self) -> None:
        self._moving = asyncio.Lock()
        self._told = set()
        self.consumer = SimpleNamespace(flow_active=False)
        self.half, self.rest, self.asked, self.answer = (asyncio.Event() for _ in range(4))
        self.done: list[str] = []

    async def _fetched(self, *_: object) -> dict[object, object]:
        self.half.set()
        await self.rest.wait()
        self.done.append("fetched")
        return {}

    @property
    def _losses(self) -> Any:
        return self

    async def ask(self, *_: object) -> dict[Partition, int]:
        """No record was deleted, but it takes a while to learn that."""
        self.asked.set()
        await self.answer.wait()
        return {}

    def _move(self, *_: object) -> None:
        self.done.append("moved")


def standing(state: object) -> Any:
    """A consumer of aiokafka's, to which every partition is assigned with this state."""
    assigned = SimpleNamespace(state_value=lambda _: state)
    return SimpleNamespace(
        beginning_offsets=None,
        _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assigned)),
    )


def at(position: int | None) -> Any:
    """What aiokafka knows of a partition: where it stands."""
    return SimpleNamespace(has_valid_position=position is not None, position=position)


def polled(thread: ConsumerThread, state: object, *offsets: int) -> Batch:
    """What a poll makes of records at these offsets, where aiokafka stands behind them."""
    records = [SimpleNamespace(offset=at, key=b"", value=b"") for at in offsets]
    return thread._batch(standing(state), TP("predictions", 0), Polled(found=records))


class TestBatches:
    """Where a batch says that it begins is where its records do, or where was sought."""

    @pytest.fixture
    def thread(self) -> ConsumerThread:
        thread = Halfway()
        thread._reached, thread._sought = {Partition("predictions", 0): 50}, {}
        return thread

    def test_records_from_before_the_seek(self, thread: ConsumerThread) -> None:
        """They were counted: the owner passes over them only if the batch does not hide them."""
        state = at(60)
        thread._sought[Partition("predictions", 0)] = state
        batch = polled(thread, state, *range(30, 60))
        assert (batch.start, batch.end) == (30, 60)
        assert [record.offset for record in batch.since(50).records] == list(range(50, 60))

    def test_another_assignment_was_not_sought(self, thread: ConsumerThread) -> None:
        """It begins where the group committed; what lies between is missing, not a hole."""
        thread._sought[Partition("predictions", 0)] = object()
        state = at(90)
        assert polled(thread, state, *range(80, 90)).start == 80

    def test_a_hole_behind_the_seek(self, thread: ConsumerThread) -> None:
        """A transaction's end has an offset and no record."""
        state = at(60)
        thread._sought[Partition("predictions", 0)] = state
        assert polled(thread, state, *range(52, 60)).start == 50


class Passing(ConsumerThread):
    """A thread that was sought to 50; whatever it is asked for, it finds no record."""

    def __init__(self, state: object, *, flow_active: bool = True) -> None:
        self._moving = asyncio.Lock()
        self._reached, self._sought = {EVENTS_AT: 50}, {EVENTS_AT: state}
        self._told: set[Partition] = set()
        self.consumer = SimpleNamespace(flow_active=flow_active)
        self.looked: list[tuple[Partition, int, int]] = []

    async def _fetched(self, *_: object) -> dict[TP, Batch]:
        return {}

    @property
    def _losses(self) -> Any:
        return self

    def look(self, _: object, partition: Partition, start: int, end: int) -> None:
        self.looked.append((partition, start, end))

    async def stretches(self, state: object, *active: TP) -> list[tuple[int, int]]:
        """From where to where the batches reach that a poll of these partitions hands on."""
        batches = await self._fetch_records(standing(state), set(active))
        assert not any(batch.records for batch in batches.values())
        return [(batch.start, batch.end) for batch in batches.values()]


class TestStandIns:
    """A log that ends in what no reader gets is read to its end all the same."""

    async def test_what_was_passed_is_handed_on_once(self) -> None:
        """Not with every poll: owners write that they have moved."""
        thread = Passing(state := at(60))
        assert await thread.stretches(state, EVENTS) == [(50, 60)]
        assert await thread.stretches(state, EVENTS) == []
        state.position = 61
        assert await thread.stretches(state, EVENTS) == [(60, 61)]

    async def test_it_may_have_been_deleted(self) -> None:
        """That is asked, but for what the seek has told already."""
        thread = Passing(state := at(60))
        thread._told = {EVENTS_AT}
        await thread.stretches(state, EVENTS)
        assert thread.looked == []
        state.position = 70
        await thread.stretches(state, EVENTS)
        assert thread.looked == [(EVENTS_AT, 60, 70)]

    @pytest.mark.parametrize("position", [50, 40, None])
    async def test_nothing_was_passed(self, position: int | None) -> None:
        """Nor is that known of a place that aiokafka is only looking for."""
        assert await Passing(state := at(position)).stretches(state, EVENTS) == []

    async def test_another_assignment_was_not_sought(self) -> None:
        """It stands where the group committed: records may lie between."""
        assert await Passing(at(60)).stretches(at(60), EVENTS) == []

    async def test_a_partition_that_must_wait(self) -> None:
        thread = Passing(state := at(60))
        assert await thread.stretches(state, OTHERS) == []
        assert await thread.stretches(state, EVENTS) == [(50, 60)]

    async def test_nobody_takes_what_is_handed_on_while_the_flow_rests(self) -> None:
        thread = Passing(state := at(60), flow_active=False)
        assert await thread.stretches(state, EVENTS) == []
        thread.consumer.flow_active = True
        assert await thread.stretches(state, EVENTS) == [(50, 60)]


class TestTurns:
    def test_who_had_a_turn_goes_behind_the_others(self) -> None:
        """Else a partition with much to read keeps the others waiting until it has none."""
        waiting = OrderedDict.fromkeys("abc")
        consumer = SimpleNamespace(_fetcher=SimpleNamespace(_records=waiting))
        ConsumerThread._send_back(consumer, ["a"])
        assert list(waiting) == ["b", "c", "a"]
        ConsumerThread._send_back(consumer, ["b", "gone"])
        assert list(waiting) == ["c", "a", "b"]


class TestPolls:
    async def test_no_seek_comes_between_the_fetches_of_a_batch(self) -> None:
        """Else records from before it would stand in one batch with those behind it."""
        thread = Halfway()
        polling = asyncio.create_task(thread._fetch_records(None, None))
        await thread.half.wait()
        thread.answer.set()
        seeking = asyncio.create_task(thread._seek_wait(SEEKS, {}))
        for _ in range(3):
            await asyncio.sleep(0)
        assert thread.done == []
        thread.rest.set()
        await asyncio.gather(polling, seeking)
        assert thread.done == ["fetched", "moved"]

    async def test_a_seek_that_waits_for_the_broker_holds_up_no_poll(self) -> None:
        """Nor what is behind the poll: the commit without which a rebalance does not end."""
        thread = Halfway()
        thread.rest.set()
        seeking = asyncio.create_task(thread._seek_wait(SEEKS, {}))
        await thread.asked.wait()
        await thread._fetch_records(None, None)
        assert thread.done == ["fetched"]
        thread.answer.set()
        await seeking
        assert thread.done == ["fetched", "moved"]

    async def test_many_calls_are_answered_at_a_time(self) -> None:
        """Several that wait keep none behind them from being answered."""
        consumer = create_app(Settings(), Ownership(None)).consumer  # type: ignore[arg-type]
        thread = consumer._thread
        assert thread.method_queue.num_workers >= 5
        thread.thread_loop.close()
