"""Panes come in whole batches: the same sums however they are cut, and little work for each."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings

from streams.dashboard.answers.story import Part
from streams.dashboard.pane_groups import RECENT_MS
from streams.panes.facts import Cells, cells_from_states
from streams.sketches.cell import Cell
from streams.spec.model import RolloutSpec
from tests.dashboard import panes
from tests.dashboard.panes import ARMS, facts_of, log, one_by_one, pane, progress, value
from tests.dashboard.world import ARM, CODEC, FIRST, World, cell
from tests.wire.samples import RECORDS
from tests.wire.writers import mutations

WHOLE = ("all", ARM)
SAMPLES = [CODEC.encode("panes", record) for record in RECORDS["panes"]]


def books_of(world: World) -> dict[str, Any]:
    """What every book of a world tells, and how far source partitions have come."""
    kept = {name: facts_of(book) for name, book in world.books._books.items()}
    return kept | {"closed": world.books._closed}


def fed(values: Sequence[bytes | None], size: int, *, alone: bool = False) -> World:
    """A world that has read these values, so many at a time."""
    world = World()
    if alone:
        world.intake = one_by_one(world.books)
    for begin in range(0, len(values), size):
        world.fetch(values[begin : begin + size])
    return world


class TestTheSame:
    @pytest.mark.parametrize("seed", range(3))
    def test_however_it_is_cut(self, seed: int) -> None:
        """Batches of 1, of 7 and all at once; columns or record by record."""
        values = list(log(random.Random(seed)))
        wanted = books_of(fed(values, 1, alone=True))
        assert wanted["one"]["sums"] != {}
        assert wanted["other"]["spec"] == "again"
        for size in (1, 7, len(values)):
            assert books_of(fed(values, size)) == wanted

    def test_as_the_sketches_themselves_add_up(self) -> None:
        """Each pane of each source partition once, merged as the judge merges."""
        values = list(log(random.Random(9)))
        total: Cells = {}
        seen: set[tuple[int, int]] = set()
        for each in values:
            record = CODEC.decode("panes", each)
            name, body = record["body"]
            place = record["source_partition"], body.get("pane", -1)
            if name == "davy.Pane" and body["rollout"] == "one" and _is_new(place, seen):
                for key, made in cells_from_states(body["cells"]).items():
                    total.setdefault(key, Cell()).merge(made)
        sums = fed(values, 50).books._books["one"].sums
        assert sums.keys() == total.keys()
        for key, merged in total.items():
            assert (sums[key].exposures, sums[key].errors) == (merged.exposures, merged.errors)
            assert sums[key].shape.latency.tolist() == merged.latency.counts.tolist()
            assert sums[key].shape.scores.tolist() == merged.scores.counts.tolist()
            assert sums[key].shape.confidences.tolist() == merged.confidences.counts.tolist()
            assert dict(sums[key].shape.classes) == merged.classes.counts

    @pytest.mark.property
    @given(mutations(SAMPLES))
    @settings(max_examples=60, deadline=None)
    def test_whatever_the_bytes_are(self, values: list[bytes | None]) -> None:
        """Damaged ones leave no trace that reading them by themselves would not leave."""
        once, alone = fed(values, 100), fed(values, 100, alone=True)
        assert books_of(once) == books_of(alone)
        assert sorted(once.senseless) == sorted(alone.senseless)


def _is_new(place: tuple[int, int], seen: set[tuple[int, int]]) -> bool:
    """Panes of a source partition come in order; one that comes again counts no more."""
    source_partition, number = place
    new = all(number > other for of, other in seen if of == source_partition)
    seen.add(place)
    return new


class TestOneByOne:
    def test_unusual_forms_count(self) -> None:
        """A number that is longer than need be is legal, wherever it stands."""
        usual = value(pane("r", 0, {WHOLE: cell(7)}))
        beginning = usual[:5] + bytes([usual[5] | 0x80, 0]) + usual[6:]
        inside = usual.index(b"\x02r")
        body = usual[:inside] + bytes([usual[inside] | 0x80, 0]) + usual[inside + 1 :]
        for each in (beginning, body):
            assert fed([each], 1).books._books["r"].sums[WHOLE].exposures == 7

    def test_order_holds_among_usual_and_unusual_ones(self) -> None:
        """The one in the middle is read by itself, and still is no repetition."""
        values = [value(pane("r", number, {WHOLE: cell(1 + number)})) for number in range(3)]
        inside = values[1].index(b"\x02r")
        values[1] = values[1][:inside] + bytes([0x82, 0]) + values[1][inside + 1 :]
        assert fed(values, 3).books._books["r"].sums[WHOLE].exposures == 6

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda body: body["cells"][0]["latency"].update(index=[99_999]),
            lambda body: body["cells"][0]["latency"].update(index=[-1]),
            lambda body: body["cells"][0]["scores"].update(index=[1], count=[1, 2]),
            lambda body: body.update(pane=-1),
            lambda body: body.update(pane=1 << 55),
        ],
    )
    def test_one_that_makes_no_sense_is_told_and_spoils_no_other(
        self, spoil: Callable[[dict[str, Any]], object]
    ) -> None:
        """Nothing of it counts, not even what came before the nonsense in it."""
        bodies = [pane("r", number, {WHOLE: cell(1 + number)}) for number in range(3)]
        spoil(bodies[1][1])
        world = fed([value(body) for body in bodies], 3)
        assert world.senseless == [1]
        assert world.books._books["r"].sums[WHOLE].exposures == 1 + 3

    def test_one_that_is_cut_off_spoils_no_other(self) -> None:
        values = [value(pane("r", number, {WHOLE: cell(1 + number)})) for number in range(3)]
        world = fed([values[0], values[1][:-4], values[2]], 3)
        assert world.books._books["r"].sums[WHOLE].exposures == 1 + 3

    def test_a_breach_of_a_kind_that_is_not_known(self) -> None:
        """It is told; the rollout's panes count."""
        odd = panes.Breach.of_records("predictions", 1, 2, 3).body("r", "h")
        odd[1]["kind"] = "of_tomorrow"
        world = fed([value(pane("r", 0, {WHOLE: cell(5)})), value(odd)], 2)
        assert world.senseless == [1]
        assert world.books._books["r"].sums[WHOLE].exposures == 5


class TestWork:
    """What a record costs, in calls: a number that no machine's speed changes."""

    def test_a_tenth_of_what_reading_one_by_one_takes(self) -> None:
        cells = {("all", arm): cell(50, 1) for arm in ARMS}
        values = [value(pane("r", number, cells)) for number in range(300)]
        once, alone = each_takes(values), each_takes(values, alone=True)
        assert once < 8
        assert alone > 10 * once

    def test_of_progress_the_last_word_alone_is_decoded(self) -> None:
        """And nothing of what nobody sees."""
        world = World()
        read: list[int] = []
        values = [value(progress(second)) for second in range(50)]
        values += [value(progress(second), source="resources") for second in range(50)]
        intake, fetch = world.intake, panes.fetched_of(values)
        intake.take(fetch, panes.odd_of(values, read))
        assert read == [49]
        assert world.books.watermark_ms(0) == (FIRST + 50) * 1000

    def test_no_pane_is_read_by_itself(self) -> None:
        world = World()
        read: list[int] = []
        values = [each for each in log(random.Random(1)) if b"records_lost" not in each]
        world.intake.take(panes.fetched_of(values), panes.odd_of(values, read))
        assert len(read) == 2  # the last progress of two source partitions


def each_takes(values: Sequence[bytes], *, alone: bool = False) -> float:
    """Calls that one more record of a batch takes."""
    half = len(values) // 2
    less = calls(lambda: fed(values[:half], half, alone=alone))
    return (calls(lambda: fed(values, len(values), alone=alone)) - less) / (len(values) - half)


def calls(work: Callable[[], object]) -> int:
    """How many calls, of functions in Python or C, some work takes."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


class TestCatchingUp:
    @pytest.fixture
    def one(self) -> tuple[World, RolloutSpec]:
        world = World()
        return world, world.apply()

    def closed(self, made: RolloutSpec, number: int, exposures: int = 10) -> bytes:
        cells = {("all", "baseline"): cell(3 * exposures), WHOLE: cell(exposures)}
        return value(pane(made.rollout, number, cells, made.spec_hash))

    def test_no_news_until_all_is_read(self, one: tuple[World, RolloutSpec]) -> None:
        """Then once for all; and from then on as they come."""
        world, made = one
        seen = {made.rollout: world.news.change(made.rollout)}
        world.fetch([self.closed(made, n) for n in range(5)], behind=frozenset({0}))
        assert world.news.since(seen) == {}
        world.books.loaded(0)
        change, parts = world.news.since(seen)[made.rollout]
        assert parts == [Part.COHORTS, Part.PANES]
        world.fetch([self.closed(made, 6)])
        assert world.news.since({made.rollout: change})[made.rollout][1] == [Part.PANES]

    def test_what_is_old_is_no_share_of_now(self, one: tuple[World, RolloutSpec]) -> None:
        """Panes of an hour ago are read just now; those of this minute tell what is measured."""
        world, made = one
        now_ms = world.books._wall_ms()
        behind = frozenset({0})
        world.fetch([self.closed(made, 1)], behind=behind, written_ms=now_ms - 3_600_000)
        assert world.window.summary(made.rollout).measured_pct is None
        world.fetch([self.closed(made, 2)], behind=behind, written_ms=now_ms - 1000)
        assert world.window.summary(made.rollout).measured_pct == {"baseline": 75.0, ARM: 25.0}

    def test_nor_is_it_when_nothing_comes_any_more(self, one: tuple[World, RolloutSpec]) -> None:
        """A worker that is gone writes no panes, and the last ones grow old."""
        world, made = one
        world.fetch([self.closed(made, 1)])
        with world.window.looking(made.rollout) as seen:
            heard = seen.book.heard
        assert heard is not None
        for age, known in ((59.0, True), (61.0, False)):
            later = replace(world.window, clock=partial(float, heard + age))
            told = later.summary(made.rollout).measured_pct
            assert (told is not None) is known

    def test_what_is_recent_after_a_long_batch(self, one: tuple[World, RolloutSpec]) -> None:
        """Of hours that come at once the last two halves stay."""
        world, made = one
        half = RECENT_MS // 1000
        world.fetch([self.closed(made, n * half, 1 + n) for n in range(9)])
        with world.window.looking(made.rollout) as seen:
            kept = {
                n: sum(shape.latency.sum() for shape in h.shapes.values())
                for n, h in seen.book.halves.items()
            }
        assert sorted(kept.values()) == [4 * 8, 4 * 9]
