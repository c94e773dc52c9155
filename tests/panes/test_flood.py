"""However many distinct strings come, counts stay exact and memory stays where it was."""

from __future__ import annotations

import cProfile
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.classes import add_classes, class_numbers
from streams.panes.facts import LiveRollout, Marker, PaneClock
from streams.panes.fold import PartitionFold
from streams.panes.targets import Targets
from streams.sketches.cell import Cell
from streams.spec.dimensions import Dimension
from streams.wire.codec import Codec
from streams.wire.columns import Coded, decode_predictions
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import START_MS, spec
from tests.load.values import Kind, Maker, rows

CODEC = Codec(LocalSchemaStore())
BATCH = 5_000
BATCHES = 8
CLOCK = PaneClock(pane_ms=1000, lateness_ms=2000, future_ms=1 << 50)
GROWTH_BYTES = 2 << 20
"""A leak of a hundred bytes for each of the distinct strings would be twice as much."""
NAMES = st.lists(st.sampled_from([None, *"abcdefg"]), min_size=1, max_size=40)


def coded(names: list[str | None]) -> Coded:
    """Names as a batch's column has them."""
    distinct = list(dict.fromkeys(name for name in names if name is not None))
    codes = [-1 if name is None else distinct.index(name) for name in names]
    return Coded.of(np.array(codes, np.int32), distinct)


def live(rollout: str = "digits-v2", **changes: object) -> LiveRollout:
    made = spec(rollout, **changes)
    return LiveRollout(spec=made, spec_hash=made.spec_hash, first_offset=0, from_pane=-1)


def folded(kind: Kind) -> tuple[PartitionFold, int]:
    """A fold after a flood, and by how many bytes it grew after the first batches."""
    fold = PartitionFold(CLOCK)
    fold.activate(spec(segments=(Dimension(name="country", values=("SG", "DE")),)))
    maker, held = Maker(CODEC, kind), 0
    tracemalloc.start()
    try:
        for number in range(BATCHES):
            first = number * BATCH
            times = START_MS + np.arange(first, first + BATCH) * 4
            columns = decode_predictions(rows(maker.block(first, times)), CODEC)
            offsets = np.arange(first, first + BATCH)
            fold.fold(columns, np.full(BATCH, START_MS), offsets, end_offset=first + BATCH)
            if number == 2:
                held = tracemalloc.get_traced_memory()[0]
        return fold, tracemalloc.get_traced_memory()[0] - held
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        (Kind(strange_service=True), BATCH * BATCHES),
        (Kind(strange_version=True), BATCH * BATCHES),
        (Kind(strange_segment=True), 0),
        (Kind(strange_class=True), 0),
        (Kind(strange_unit=True), 0),
    ],
)
def test_a_flood_is_counted_and_leaves_nothing(kind: Kind, unknown: int):
    fold, grown = folded(kind)
    assert fold.marker == Marker(
        next_offset=BATCH * BATCHES,
        max_event_ms=fold.marker.max_event_ms,
        closed_through=fold.marker.closed_through,
        accepted=BATCH * BATCHES,
        unknown=unknown,
    )
    assert grown < GROWTH_BYTES


def test_strings_of_a_flood_become_no_python_objects():
    maker = Maker(CODEC, Kind(strange_version=True, strange_class=True))
    columns = decode_predictions(rows(maker.block(0, START_MS + np.arange(100))), CODEC)
    fold = PartitionFold(CLOCK)
    fold.activate(spec())
    fold.fold(columns, np.full(100, START_MS), np.arange(100), end_offset=100)
    assert "names" not in vars(columns.version)
    assert "names" not in vars(columns.predicted_class)


@pytest.mark.property
@given(NAMES, NAMES)
def test_arms_are_those_of_a_dictionary(services: list[str | None], versions: list[str | None]):
    """Layer by layer, each rollout that has the service and version, once."""
    size = min(len(services), len(versions))
    pairs = [(s or "x", v or "x") for s, v in zip(services, versions, strict=False)]
    held = [live(f"r{i}", service=s, baseline="a", route=str(i)) for i, s in enumerate("aab")]
    targets = Targets(held)
    columns = coded([s for s, _ in pairs]), coded([v for _, v in pairs])
    found: list[list[int]] = [[] for _ in range(size)]
    for arms in targets.layers(*columns):
        for event, arm in enumerate(arms.tolist()):
            found[event] += [arm] if arm >= 0 else []
    expected = [
        [
            number
            for number, (rollout, arm) in enumerate(targets.arms)
            if rollout.spec.service == service and rollout.spec.versions.get(version) == arm
        ]
        for service, version in pairs
    ]
    assert found == expected


@pytest.mark.property
@given(st.lists(NAMES, min_size=1, max_size=4), st.integers(1, 9))
def test_classes_are_those_counted_one_by_one(batches: list[list[str | None]], cut: int):
    """Over two rollouts with limits of their own; the first `max_classes` have names."""
    rollouts = [live("r1", max_classes=2), live("r2", max_classes=4)]
    cells = [Cell(), Cell()]
    naive: list[dict[str, int]] = [{}, {}]
    numbers: list[dict[str, int]] = [{}, {}]
    for names in batches:
        where = [index % cut % 2 for index in range(len(names))]
        groups = [Grouped(rollout, cell) for rollout, cell in zip(rollouts, cells, strict=True)]
        column = coded(names)
        of = np.array(where)
        add_classes(groups, of, class_numbers(groups, of, column.codes, column))
        for name, at in zip(names, where, strict=True):
            if name is None:
                continue
            if len(numbers[at]) < rollouts[at].spec.max_classes:
                numbers[at].setdefault(name, len(numbers[at]))
            told = name if name in numbers[at] else "other"
            naive[at][told] = naive[at].get(told, 0) + 1
    assert [cell.classes.counts for cell in cells] == naive
    assert [rollout.classes for rollout in rollouts] == numbers


class Grouped:
    """A rollout's events and their cell."""

    def __init__(self, rollout: LiveRollout, cell: Cell) -> None:
        self.rollout, self.cell = rollout, cell


def python_calls(kind: Kind) -> int:
    """Calls of functions, of Python's and of C's, for the second of two batches."""
    fold = PartitionFold(CLOCK)
    fold.activate(spec(segments=(Dimension(name="country", values=("SG", "DE")),)))
    maker, profile = Maker(CODEC, kind), cProfile.Profile()
    for first in (0, BATCH):
        times = START_MS + np.arange(first, first + BATCH) * 4
        values = rows(maker.block(first, times))
        offsets = np.arange(first, first + BATCH)
        with profile if first else nullcontext():
            columns = decode_predictions(values, CODEC)
            fold.fold(columns, np.full(BATCH, START_MS), offsets, end_offset=first + BATCH)
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize("field", ["service", "version", "segment", "class", "unit"])
def test_a_stranger_costs_no_call(field: str):
    """However many of them there are: of a batch of strangers less than one in ten costs any."""
    usual = python_calls(Kind(country="SG"))
    flooded = python_calls(Kind(country="SG", **{f"strange_{field}": True}))
    assert flooded < usual + BATCH / 10
