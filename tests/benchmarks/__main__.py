"""`make bench`: davy beside its peers and its limits, in turn; writes build/bench.json.

Peers count the same of the same events: requests, errors, latency and classes by pane and arm, and
give a verdict each second; the README tells where one does less. What costs nothing but CPU is
measured without a broker; every other part gets a broker of its own. Rows are written part by part,
so that a part that breaks off takes no other's with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.rigs import kafka as kafka_rig
from streams.errors import PartError
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.benchmarks import (
    cohorts,
    endurance,
    freshness,
    growth,
    join,
    judging,
    merging,
    publishing,
    routing,
    serving,
    snapshots,
    stages,
    standings,
    units,
    workers,
)
from tests.benchmarks.results import BENCH, PartlyError, Row, recorded, write

Part = Callable[[], list[Row]]
OnKafka = Callable[[str, Path], list[Row]]
"""Rows of a part that gets a broker's address and a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How much is measured."""

    events: int
    """That davy reads in a round beside its peers."""
    rounds: int
    wide: int
    """By which costs of few and of many cells are compared."""
    long: int
    """That one worker reads to see what grows."""
    per_s: float
    """Load at which decisions are waited for, and cells counted; 0: half of what a worker could."""
    seconds: float
    """For so long."""


def main() -> None:
    """Measure what is asked for, and write the table; exit code 1 where any of it broke off."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=8_000_000, help="that davy reads in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wide", type=int, default=6_000_000, help="events by number of cells")
    parser.add_argument("--long", type=int, default=100_000_000, help="events of the long run")
    parser.add_argument(
        "--per-s", type=float, default=0.0, help="load for freshness and growth; 0: half"
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="of freshness")
    names = list(parts(Asked(events=0, rounds=0, wide=0, long=0, per_s=0.0, seconds=0.0)))
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    given = vars(parser.parse_args())
    only = given.pop("only")
    if only == names:
        BENCH.unlink(missing_ok=True)
    broken = [name for name in only if not _measured(name, parts(Asked(**given))[name])]
    sys.exit(f"broke off: {', '.join(broken)}" if broken else 0)


def parts(asked: Asked) -> dict[str, Part]:
    """What can be measured, by name, in the order in which it is."""
    codec, rounds = Codec(LocalSchemaStore()), asked.rounds
    with_broker: dict[str, OnKafka] = {
        "contest": lambda at, folder: standings.rows(at, folder, asked.events, rounds),
        "workers": lambda at, folder: workers.rows(at, folder, codec, asked.events, rounds),
        "freshness": lambda at, folder: freshness.rows(at, folder, _load(asked), asked.seconds),
        "routing": routing.rows,
        "publishing": lambda at, _: publishing.rows(
            Settings(bootstrap=at, prefix="publishing-"), rounds
        ),
        "serving": lambda at, folder: serving.rows(
            Settings(bootstrap=at, prefix="serving-"), folder, rounds
        ),
        "growth": lambda at, folder: growth.rows(
            at, folder, codec, asked.wide, _load(asked), rounds
        ),
        "endurance": lambda at, folder: endurance.rows(at, folder, asked.long),
    }
    alone: dict[str, Part] = {
        "stages": lambda: stages.rows(
            codec, rounds, recorded(standings.OURS), recorded(standings.IDLE)
        ),
        "snapshots": lambda: snapshots.rows(rounds),
        "judging": lambda: judging.rows(rounds),
        "merging": lambda: merging.rows(rounds),
        "join": lambda: join.rows(rounds),
        "cohorts": lambda: cohorts.rows(rounds),
        "units": lambda: units.rows(rounds),
    }
    return {name: _on_kafka(part) for name, part in with_broker.items()} | alone


def _measured(name: str, part: Part) -> bool:
    """Whether all of a part could be measured; what could is written."""
    print(f"-- {name}", file=sys.stderr, flush=True)
    try:
        write(part(), part=name)
    except PartlyError as failure:
        write(failure.rows, part=name)
        print(f"{name} is not whole: {failure}", file=sys.stderr)
        return False
    except Exception as failure:  # noqa: BLE001 - whatever it is, the other parts are measured
        known = isinstance(failure, (AssertionError, PartError)) and str(failure)
        told = failure if known else traceback.format_exc()
        print(f"{name} broke off: {told}", file=sys.stderr)
        return False
    return True


def _on_kafka(part: OnKafka) -> Part:
    """The part with a broker of its own, which ends with it."""

    def run() -> list[Row]:
        with tempfile.TemporaryDirectory(prefix="davy-bench-") as name:
            folder = Path(name)
            broker = kafka_rig.start(folder / "kafka")
            try:
                return part(broker.bootstrap, folder)
            finally:
                broker.part.stop()

    return run


def _load(asked: Asked) -> float:
    """Events a second at which decisions are waited for."""
    name = f"{standings.OURS}, {standings.BY_CLOCK}"
    known = asked.per_s or (recorded(name) or 0.0) / 2
    if not known:
        raise PartError(f"{BENCH} lacks `{name}`: run the part `contest` first, or give --per-s")
    return known


if __name__ == "__main__":
    main()
