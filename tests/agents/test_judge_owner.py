"""When decisions go out, and when a judge lets go of its partition, changes none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from streams.agents import judge_owner
from streams.agents.batch import Batch, Partition
from streams.agents.judge_owner import JudgeOwner
from streams.agents.records import Records
from streams.agents.writer import OutRecord
from streams.errors import LogError
from streams.settings import Settings
from streams.spec.model import RolloutSpec
from tests.agents.pipeline import spec
from tests.agents.test_flush import CODEC, MemorySpecs, MemoryWriter, batches, context_of, owner_of

PANES = Partition("panes", 0)
ONE = {"source_partitions": 1, "rollout_partitions": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A consumed record of `panes`."""

    offset: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0
    topic: str = PANES.topic
    partition: int = PANES.partition


class Specs(MemorySpecs):
    """Specs that a judge may ask for."""

    def get(self, rollout: str) -> RolloutSpec | None:
        return self.specs.get(rollout)

    async def catch_up(self) -> None:
        """All that there is has been said."""


async def panes(*rollouts: RolloutSpec) -> Batch:
    """All that a source partition tells of twelve seconds, as one batch."""
    out = MemoryWriter()
    owner = owner_of(out, MemorySpecs({each.rollout: each for each in rollouts}), **ONE)
    for batch in batches(50, 12.0):
        await owner.feed(batch)
    await owner.flush()
    written = [record for flush in out.flushes for record in flush if record.topic == "panes"]
    records = [_consumed(at, record) for at, record in enumerate(written)]
    return Batch(partition=PANES, start=0, end=len(records), records=Records(records))


def _consumed(offset: int, record: OutRecord) -> Record:
    return Record(offset=offset, key=str(record.key).encode(), value=record.value)


def falls_idle(batch: Batch) -> Batch:
    """What follows a batch: its only partition says that nothing comes any more."""
    last = next(r for r in reversed([*batch.records]) if b"progress" in r.key)
    told = CODEC.decode("panes", last.value)
    name, body = told["body"]
    told["body"] = (name, body | {"idle": True})
    record = Record(offset=batch.end, key=last.key, value=CODEC.encode("panes", told))
    return Batch(partition=PANES, start=batch.end, end=batch.end + 1, records=Records([record]))


class Judged:
    """A judge in memory, and what it wrote."""

    def __init__(self, *rollouts: RolloutSpec, leaving: Callable[[], bool] = lambda: False) -> None:
        self.out = MemoryWriter()
        specs = Specs({each.rollout: each for each in rollouts})
        context = context_of(self.out, specs, Settings(**ONE))
        self.owner = JudgeOwner(PANES, replace(context, leaving=leaving))

    @property
    def decisions(self) -> list[tuple[object, object]]:
        """Keys and values of the decisions so far."""
        return [pair for flush in self.flushes() for pair in flush]

    def state(self) -> dict[str, Any]:
        """The newest one that was written."""
        written = (record for flush in self.out.flushes for record in flush)
        values = [record.value for record in written if record.topic == "judge-state"]
        return CODEC.decode("judge-state", values[-1])

    def flushes(self) -> list[list[tuple[object, object]]]:
        """Those that went out together."""
        return [
            [(record.key, record.value) for record in flush if record.topic == "decisions"]
            for flush in self.out.flushes
        ]


ONLY, OTHER = spec(), spec("digits-other", route="other")


async def handed_over(batch: Batch, *, commands: int = 0) -> tuple[Judged, Judged]:
    """Who let go after its first decision, with so many commands read, and who follows."""
    before = Judged(ONLY, leaving=lambda: bool(before.decisions))
    before.owner._controls.read["commands"] = commands
    await before.owner.feed(batch)
    after = Judged(ONLY)
    await after.owner._restore(ONLY.rollout, before.state())
    return before, after


async def test_nothing_is_begun_and_nothing_is_lost() -> None:
    """After each decision it is asked to let go; whoever goes on decides the same."""
    batch = await panes(ONLY)
    whole = Judged(ONLY)
    await whole.owner.feed(batch)
    assert (whole.owner.next_offset, len(whole.decisions) > 2) == (batch.end, True)
    asked = [False]
    parted = Judged(ONLY, leaving=lambda: asked[0] and len(parted.decisions) > before)
    feeds, before = 0, 0
    while parted.owner.next_offset < batch.end:
        before, asked[0] = len(parted.decisions), True
        await parted.owner.feed(batch.since(parted.owner.next_offset))
        assert len(parted.decisions) <= before + 1
        feeds += 1
    assert parted.decisions == whole.decisions
    assert feeds > len(whole.decisions)
    for judged in (whole, parted):
        await judged.owner.close()


async def test_a_new_owner_judges_what_was_left_though_no_record_comes() -> None:
    """The last word of all that was read may make many panes due, and then there is silence."""
    batch = await panes(ONLY)
    whole = Judged(ONLY)
    await whole.owner.feed(batch)
    before, after = await handed_over(batch)
    assert after.owner.durable_offset == batch.end
    assert 0 < len(before.decisions) < len(whole.decisions)
    await after.owner._go_on()
    assert before.decisions + after.decisions == whole.decisions
    for each in (whole, before, after):
        await each.owner.close()


async def test_what_was_left_is_judged_before_what_is_new() -> None:
    """Or a partition that falls idle would take the panes away that it has closed."""
    batch = await panes(ONLY)
    whole = Judged(ONLY)
    await whole.owner.feed(batch)
    before, after = await handed_over(batch)
    await after.owner.feed(falls_idle(batch))
    assert before.decisions + after.decisions == whole.decisions
    for each in (whole, before, after):
        await each.owner.close()


async def test_a_cut_never_goes_back() -> None:
    """Where retention has emptied a control topic a new owner reads nothing there."""
    batch = await panes(ONLY)
    before, after = await handed_over(batch, commands=7)
    await after.owner._go_on()
    bodies = [CODEC.decode("decisions", value) for _, value in after.decisions]
    assert {body["cut"]["commands_offset"] for body in bodies} == {7}
    for each in (before, after):
        await each.owner.close()


async def test_nothing_is_fed_after_a_decision_that_was_not_written() -> None:
    """The next one would name its hash, and nobody could read it."""
    batch = await panes(ONLY)
    before, after = await handed_over(batch)
    after.out.failures = 1
    with pytest.raises(LogError, match="did not commit"):
        await after.owner._go_on()
    with pytest.raises(LogError, match="not fed after a failure"):
        await after.owner.feed(batch)
    assert after.decisions == []
    for each in (before, after):
        await each.owner.close()


async def test_a_transaction_holds_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rollouts there are: a broker that is slow would give it up, again and again."""
    batch = await panes(ONLY, OTHER)
    together = Judged(ONLY, OTHER)
    await together.owner.feed(batch)
    monkeypatch.setattr(judge_owner, "TOGETHER", 1)
    apart = Judged(ONLY, OTHER)
    await apart.owner.feed(batch)
    assert {len(flush) for flush in apart.flushes()} == {0, 1}
    assert sorted(map(str, apart.decisions)) == sorted(map(str, together.decisions))
    for each in (together, apart):
        await each.owner.close()


async def test_rollouts_that_decide_at_the_same_pane_do_so_in_one_transaction() -> None:
    """Each in its own chain, as if it were alone; with the state that it leads to."""
    both = Judged(ONLY, OTHER)
    batch = await panes(ONLY, OTHER)
    await both.owner.feed(batch)
    for each in (ONLY, OTHER):
        alone = Judged(each)
        await alone.owner.feed(batch)
        mine = [pair for pair in both.decisions if pair[0] == each.rollout]
        assert mine == alone.decisions
        assert len(mine) > 2
        await alone.owner.close()
    together = [sorted(str(key) for key, _ in flush) for flush in both.flushes() if flush]
    assert together == [[OTHER.rollout, ONLY.rollout]] * len(together)
    for flush in both.out.flushes:
        states = {record.key for record in flush if record.topic == "judge-state"}
        assert states >= {record.key for record in flush if record.topic == "decisions"}
    await both.owner.close()
