"""`make bench`: events per second of CPU, davy beside a plain Faust agent, in one run.

Both do the same job on the same topic: requests, errors, latency histogram and class counts per
pane and arm. davy's worker also judges. Outputs are compared with what was published.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import uuid
from pathlib import Path

from infra.rigs import kafka as kafka_rig
from infra.rigs.cache import Absent
from streams.demo.broker import RunningBroker, start_tansu
from streams.demo.processes import Parts
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks import cohorts, join, judging, units
from tests.benchmarks.events import Filled, fill
from tests.benchmarks.meter import Rate, measure
from tests.benchmarks.results import Row, write

PARTITIONS = 4


def main() -> None:
    """Run the rounds and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--peer-events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="davy-bench-"))
    broker = _broker(folder)
    ours: list[Rate] = []
    peers: list[Rate] = []
    unchecked: list[Rate] = []
    try:
        for number in range(asked.rounds):
            print(f"round {number + 1} of {asked.rounds} on {broker.name}", file=sys.stderr)
            ours.append(_davy(broker.bootstrap, folder / f"davy{number}", asked.events))
            trusting = folder / f"trusting{number}"
            unchecked.append(_davy(broker.bootstrap, trusting, asked.events, DAVY_DEDUPE="false"))
            peers.append(_plain(broker.bootstrap, folder / f"plain{number}", asked.peer_events))
    finally:
        broker.part.stop()
    kept = tuple(a.per_cpu_s / b.per_cpu_s for a, b in zip(ours, unchecked, strict=True))
    alone = (
        *judging.rows(asked.rounds),
        *join.rows(asked.rounds),
        *cohorts.rows(asked.rounds),
        *units.rows(asked.rounds),
    )
    write([*_rows(ours, peers, broker.name), _duplicates(kept), *alone])


def _broker(folder: Path) -> RunningBroker:
    try:
        return kafka_rig.start(folder)
    except Absent as reason:
        print(f"on the embedded broker: {reason}", file=sys.stderr)
        return start_tansu(folder)


def _pipeline(bootstrap: str, parts: Parts) -> Pipeline:
    prefix = f"b{uuid.uuid4().hex[:8]}-"
    counts = {"source_partitions": PARTITIONS, "rollout_partitions": PARTITIONS}
    return Pipeline(bootstrap, prefix, parts, **counts, flush_ms=500, lateness_ms=2000)


def _davy(bootstrap: str, folder: Path, events: int, **env: str) -> Rate:
    with Parts(folder) as parts:
        pipeline = _pipeline(bootstrap, parts)
        pipeline.apply(spec())
        filled = fill(pipeline.settings, pipeline.codec, events)
        worker = pipeline.worker(**env)
        topic = pipeline.settings.topic("predictions")
        rate = measure(worker, bootstrap, pipeline.settings.group, topic, PARTITIONS, events)
        worker.stop()
        _check_panes(pipeline, filled)
        return rate


def _check_panes(pipeline: Pipeline, filled: Filled) -> None:
    """Every closed pane holds exactly what was published into it."""
    closed = min(body["closed_through"] for body in _last_progress(pipeline).values())
    found: dict[tuple[int, str], int] = {}
    for body in pipeline.bodies("davy.Pane"):
        for cell in body["cells"]:
            key = (body["pane"], cell["arm"])
            found[key] = found.get(key, 0) + cell["exposures"]
    expected = {key: n for key, n in filled.requests.items() if key[0] <= closed}
    assert expected, "no pane was closed"
    assert {key: n for key, n in found.items() if key[0] <= closed} == expected


def _last_progress(pipeline: Pipeline) -> dict[int, dict[str, int]]:
    last = {}
    for _, record in pipeline.read("panes"):
        if (record["body"][0], record["source"]) == ("davy.Progress", "predictions"):
            last[record["source_partition"]] = record["body"][1]
    return last


def _plain(bootstrap: str, folder: Path, events: int) -> Rate:
    with Parts(folder) as parts:
        pipeline = _pipeline(bootstrap, parts)
        filled = fill(pipeline.settings, pipeline.codec, events)
        topic, group = pipeline.settings.topic("predictions"), f"peer-{uuid.uuid4().hex}"
        out = folder / "totals.json"
        peer = parts.start(
            "plain-faust",
            [sys.executable, "-m", "tests.benchmarks.plain_faust"],
            env={
                "PEER_GROUP": group,
                "PEER_BOOTSTRAP": bootstrap,
                "PEER_TOPIC": topic,
                "PEER_EVENTS": str(events),
                "PEER_OUT": str(out),
            },
        )
        rate = measure(peer, bootstrap, group, topic, PARTITIONS, events)
        totals = json.loads(out.read_text())
        for arm, errors in filled.errors.items():
            assert totals[arm]["errors"] == errors
        return rate


def _rows(ours: list[Rate], peers: list[Rate], broker: str) -> list[Row]:
    ratios = tuple(a.per_cpu_s / b.per_cpu_s for a, b in zip(ours, peers, strict=True))
    per_cpu = tuple(rate.per_cpu_s for rate in ours)
    peer = tuple(rate.per_cpu_s for rate in peers)
    note = f"on {broker}, {PARTITIONS} partitions, worker process, all threads"
    return [
        Row(
            name="decode and sketch",
            value=statistics.median(per_cpu),
            unit="events/CPU-s",
            must=150_000,
            moonshot=330_000,
            better="higher",
            rounds=per_cpu,
            note=note,
        ),
        Row(
            name="plain Faust agent, the same job",
            value=statistics.median(peer),
            unit="events/CPU-s",
            must=0,
            moonshot=None,
            better="higher",
            rounds=peer,
            note=note,
        ),
        Row(
            name="davy / plain Faust agent",
            value=statistics.median(ratios),
            unit="ratio",
            must=10,
            moonshot=60,
            better="higher",
            rounds=ratios,
            note=note,
        ),
    ]


def _duplicates(kept: tuple[float, ...]) -> Row:
    return Row(
        name="looking for duplicates / not looking",
        value=statistics.median(kept),
        unit="ratio",
        must=0.85,
        moonshot=None,
        better="higher",
        rounds=kept,
        note="events per CPU-second with and without `dedupe`",
    )


if __name__ == "__main__":
    main()
