"""Values of `panes` for tests: what owners of partitions write, and what books made of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from streams.dashboard.pane_book import PaneBook
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pane_intake import PaneIntake
from streams.dashboard.pane_work import Fetched, Odd
from streams.dashboard.sums import Shape
from streams.panes.breaches import Breach
from streams.panes.cohorts import Cohort
from streams.panes.facts import Cells, cells_to_states
from streams.sketches.categories import CategoryCounts
from streams.sketches.cell import Cell
from streams.sketches.outcome_cell import OutcomeCell
from streams.sketches.unit_cell import UnitCell
from streams.wire.avro import Reader
from streams.wire.codec import Codec
from streams.wire.reasons import BadRecord, Reason
from streams.wire.store import LocalSchemaStore
from tests.dashboard.world import ARM, CODEC, FIRST, read_one

SEGMENTS = ("all", "country=SG", "country=DE")
ARMS = ("baseline", ARM)
Body = tuple[str, dict[str, Any]]


class KnowsNoBeginnings(Codec):
    """With it every record is read by itself, strictly."""

    def reader(self, topic: str, schema_id: int) -> Reader:
        raise BadRecord(Reason.UNKNOWN_SCHEMA, f"{topic} {schema_id}")


def one_by_one(books: PaneBooks) -> PaneIntake:
    """An intake that decodes nothing at once."""
    return PaneIntake(KnowsNoBeginnings(LocalSchemaStore()), books)


def value(body: Body, *, source: str = "predictions", source_partition: int = 0) -> bytes:
    """The framed value of a record."""
    record = {
        "source": source,
        "source_partition": source_partition,
        "source_partitions": 2,
        "rollout_partitions": 1,
        "pane_ms": 1000,
        "body": body,
    }
    return CODEC.encode("panes", record)


def pane(rollout: str, number: int, cells: Cells, spec_hash: str = "h") -> Body:
    """A closed pane, so many seconds after the first."""
    about = {"rollout": rollout, "spec_hash": spec_hash}
    return "davy.Pane", about | {"pane": FIRST + number, "cells": cells_to_states(cells)}


def some_cell(dice: random.Random) -> Cell:
    """Everything that a cell may hold, or little of it."""
    seen = dice.randrange(1, 20)
    made = Cell(exposures=seen, errors=dice.randrange(seen))
    made.latency.update(np.array([dice.lognormvariate(3.0, 1.0) for _ in range(seen)]))
    if dice.random() < 0.5:
        made.scores.update(np.array([dice.random() for _ in range(seen)]))
        made.classes = CategoryCounts({f"c{dice.randrange(4)}": seen, "ü": 1})
    if dice.random() < 0.3:
        made.confidences.update(np.array([dice.random()]))
        made.units = UnitCell(seen=seen)
        made.generative().told = 3
        made.paired().pairs = 2
    return made


def some_cells(dice: random.Random) -> Cells:
    """Of some segments and arms."""
    places = [(segment, arm) for segment in SEGMENTS for arm in ARMS if dice.random() < 0.7]
    return {place: some_cell(dice) for place in places}


def log(dice: random.Random, panes: int = 60) -> Iterator[bytes]:
    """What stands in a partition: two rollouts, two source partitions, and all kinds of records."""
    for number in range(panes):
        second = number * dice.choice((1, 1, 40))
        for source_partition in (0, 1):
            for rollout in ("one", "other"):
                spec_hash = "h" if number < panes // 2 or rollout == "one" else "again"
                body = pane(rollout, second, some_cells(dice), spec_hash)
                closed = value(body, source_partition=source_partition)
                yield from (closed,) * dice.choice((1, 1, 1, 2))  # some brokers repeat
            yield value(progress(second), source_partition=source_partition)
        yield value(cohort("one", second - second % 4, dice.randrange(9)), source="outcomes")
        if number % 20 == 7:
            yield value(Breach.of_records("predictions", 1, number, number + 3).body("one", "h"))


def progress(second: int, *, idle: bool = False) -> Body:
    """How far a source partition has come."""
    counts = ("accepted", "late", "dead", "invalid_scores", "duplicates")
    body = {"closed_through": FIRST + second, "idle": idle, "outcomes": []}
    return "davy.Progress", body | dict.fromkeys(counts, 0)


def cohort(rollout: str, first: int, complete: int) -> Body:
    """What came of the exposures of four panes."""
    delays = np.array([1] * complete + [0] * (8 - complete))
    told = Cohort(
        rollout=rollout,
        spec_hash="h",
        outcome="label",
        first_pane=FIRST + first,
        panes=4,
        complete=complete,
        cells={("all", ARM): OutcomeCell(exposures=10, delays=delays)},
    )
    return "davy.Cohort", told.to_state()


def facts_of(book: PaneBook) -> dict[str, Any]:
    """All that a book tells."""
    return {
        "spec": book.spec_hash,
        "spell": (book.spell.from_ms, book.spell.through_ms),
        "sums": {
            key: (sums.exposures, sums.errors, sums.traffic.times(), sums.traffic.rows().tolist())
            for key, sums in book.sums.items()
        },
        "shapes": {key: shape_of(sums.shape) for key, sums in book.sums.items()},
        "halves": {
            number: {arm: shape_of(shape) for arm, shape in half.shapes.items()}
            for number, half in book.halves.items()
        },
        "spells": {
            n: (half.spell.from_ms, half.spell.through_ms) for n, half in book.halves.items()
        },
        "lately": book.lately,
        "cohorts": {name: told.cohorts(1000) for name, told in book.outcomes.items()},
        "tallies": {name: told.tallies for name, told in book.outcomes.items()},
        "breaches": book.breaches,
        "pane_ms": book.pane_ms,
    }


def shape_of(shape: Shape) -> tuple[Any, ...]:
    """Counts of a shape, to be compared."""
    bins = (shape.latency, shape.scores, shape.confidences)
    return *(each.tolist() for each in bins), dict(shape.classes)


def fetched_of(values: Sequence[bytes | None]) -> Fetched:
    """Values as they come from one partition."""
    zeros = [0] * len(values)
    return Fetched(values=values, partitions=zeros, written_ms=zeros)


def odd_of(values: Sequence[bytes | None], read: list[int]) -> Odd:
    """Reads records by themselves, and notes which."""

    def noted(place: int) -> dict[str, Any] | None:
        read.append(place)
        return read_one(values, place)

    return Odd(read=noted, skip=lambda place, _error: read.append(-1 - place))
