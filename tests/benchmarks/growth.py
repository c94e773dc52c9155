"""Does an event cost more where there is more to count? CPU by live cells, in turn.

A cell is an arm of a rollout in a segment, of which `all` is one. Each costs something for each
pane, however full that is: so panes are as full as at the load that a worker is sized for.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from streams.demo.processes import Parts
from streams.settings import Settings
from streams.spec.dimensions import Dimension
from streams.spec.model import ALL_SEGMENT, RolloutSpec, Target
from streams.wire.codec import Codec
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.contest import GRACE_S, PARTITIONS, SOON
from tests.benchmarks.events import Load, close_panes, make, publish
from tests.benchmarks.meter import measure
from tests.benchmarks.plans import STAYS, check_promotion, confirm
from tests.benchmarks.results import Row, of_rounds
from tests.load.bed import closed_through, pipeline, total

Shape = tuple[int, int]
"""Rollouts, and the declared values of each one's only dimension."""
SHAPES: tuple[Shape, ...] = ((1, 0), (10, 4), (50, 9))
MUST = 1.3
PANE_S = Settings.model_fields["pane_ms"].default / 1000


def rows(
    bootstrap: str, folder: Path, codec: Codec, events: int, per_s: float, rounds: int
) -> list[Row]:
    """CPU of an event with many cells, by that with the fewest; and of a cell."""
    loads = {
        shape: make(codec, events, services=shape[0], tiers=shape[1], per_s=per_s)
        for shape in SHAPES
    }
    rates: dict[Shape, list[float]] = {shape: [] for shape in SHAPES}
    for number in range(rounds):
        for shape, load in loads.items():
            rates[shape].append(_rate(bootstrap, folder / f"{number}-{cells(shape)}", shape, load))
    few, most = rates[SHAPES[0]], rates[SHAPES[-1]]
    compared = [costs(shape, few, rates[shape], per_s) for shape in SHAPES[1:]]
    return [*compared, of_a_cell(SHAPES[-1], few, most, per_s)]


def cells(shape: Shape) -> int:
    """Live cells of a shape: two arms of each rollout in each segment.

    >>> [cells(shape) for shape in SHAPES]
    [2, 100, 1000]
    """
    rollouts, tiers = shape
    return rollouts * (tiers + 1) * 2


def planned(shape: Shape) -> list[RolloutSpec]:
    """Rollouts that stay in their first stage."""
    rollouts, tiers = shape
    tier = Dimension(name="tier", values=tuple(f"t{n}" for n in range(tiers))) if tiers else None
    return [
        spec(
            f"r{number}",
            service=f"s{number}",
            target=Target(router="memory", options={"name": f"r{number}"}),
            segments=() if tier is None else (tier,),
            stages=STAYS,
        )
        for number in range(rollouts)
    ]


def expected(shape: Shape, events: int) -> dict[tuple[str, str], int]:
    """(rollout, segment) -> events, as `events.make` deals them out: in turn.

    >>> expected((2, 2), 9)[("r0", "tier=t1")], expected((2, 2), 9)[("r1", "all")]
    (2, 4)
    """
    rollouts, tiers = shape
    found = Counter[tuple[str, str]]()
    for turn in range(rollouts * max(1, tiers)):
        count = len(range(turn, events, rollouts * max(1, tiers)))
        rollout = f"r{turn % rollouts}"
        found[rollout, ALL_SEGMENT] += count
        if tiers:
            found[rollout, f"tier=t{turn // rollouts}"] += count
    return dict(found)


def costs(shape: Shape, few: list[float], many: list[float], per_s: float) -> Row:
    """How much more CPU an event takes where there are so many cells."""
    ratios = tuple(before / now for before, now in zip(few, many, strict=True))
    return of_rounds(
        name=f"CPU of an event: {cells(shape)} cells / {cells(SHAPES[0])}",
        unit="ratio",
        must=MUST,
        better="lower",
        rounds=ratios,
        note=f"{shape[0]} rollouts, {shape[1]} segments each, {per_s:,.0f} events/s",
    )


def of_a_cell(shape: Shape, few: list[float], many: list[float], per_s: float) -> Row:
    """What a further live cell takes in the pane of a source partition, its share of judging in it.

    At most: what it takes to count each event in a segment too is in it.
    """
    further, in_a_pane = cells(shape) - cells(SHAPES[0]), per_s * PANE_S
    spent = tuple(
        1e6 * in_a_pane * (1 / now - 1 / before) / further / PARTITIONS
        for before, now in zip(few, many, strict=True)
    )
    return of_rounds(
        name="a live cell's pane, of one source partition",
        unit="us of CPU",
        rounds=spent,
        note=f"{PARTITIONS} of them, {cells(shape)} cells",
    )


def _rate(bootstrap: str, folder: Path, shape: Shape, load: Load) -> float:
    """Events per second of the worker's CPU; every cell holds what was dealt to it."""
    events = len(load.records)
    with Parts(folder) as parts:
        flow = pipeline(bootstrap, parts)
        for each in planned(shape):
            flow.apply(each)
            confirm(flow, each.rollout, load.first_ms)
        publish(load, flow.settings)
        worker = flow.worker()
        rate = measure(
            worker,
            bootstrap=bootstrap,
            group=flow.settings.group,
            topic=flow.settings.topic("predictions"),
            partitions=PARTITIONS,
            events=events,
            window=SOON,
        )
        _check(flow, shape, load)
        assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
        assert total(flow, "accepted") == events + PARTITIONS  # with those that close panes
    return rate.per_cpu_s


def _check(flow: Pipeline, shape: Shape, load: Load) -> None:
    close_panes(load, flow.settings)
    flow.eventually(lambda: closed_through(flow) >= load.last_pane, what="the last pane's end")
    found = Counter[tuple[str, str]]()
    for body in flow.bodies("davy.Pane"):
        for cell in body["cells"]:
            found[body["rollout"], cell["segment"]] += cell["exposures"]
    assert found == expected(shape, len(load.records))
    check_promotion(flow)
