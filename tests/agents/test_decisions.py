"""Decisions follow from the log, each once, through any restart."""

from __future__ import annotations

import signal
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from streams.agents.desk import command_fact, routing_fact
from streams.cli.log import Log
from streams.judge.chain import body_hash
from streams.judge.record import decision_from_record
from streams.replay.rollout import rejudged
from tests.agents.pipeline import Pipeline, Traffic, spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.demo.processes import Part, Parts
    from tests.conftest import Broker

pytestmark = pytest.mark.timeout(180)

ROLLOUT = "digits-v2"


@pytest.fixture
def pipeline(broker: Broker, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(broker.bootstrap, prefix, parts)


def bodies(pipeline: Pipeline) -> list[bytes]:
    """Avro bodies of the rollout's decisions as they stand on the topic."""
    return [m.value()[5:] for m in pipeline.raw("decisions") if m.key() == ROLLOUT.encode()]


def rejudged_bodies(pipeline: Pipeline) -> list[bytes]:
    """The same, judged again from `panes`, `routing`, `commands` along the recorded cuts."""
    decisions = pipeline.read("decisions")
    partition = decisions[0][0].partition()
    return rejudged(
        spec(),
        [r for m, r in pipeline.read("panes") if m.partition() == partition],
        [routing_fact(m.offset(), r) for m, r in pipeline.read("routing")],
        [command_fact(m.offset(), r) for m, r in pipeline.read("commands")],
        [decision_from_record(record) for _, record in decisions],
    )


def await_decision(pipeline: Pipeline, worker: Part, **wanted: Any) -> dict[str, Any]:
    """Wait for a decision with these fields; returns the newest."""

    def there() -> bool:
        return any(wanted.items() <= d.items() for d in pipeline.decisions())

    pipeline.eventually(there, what=f"a decision with {wanted}", parts=[worker])
    return pipeline.decisions()[-1]


def begin(pipeline: Pipeline, **traffic: Any) -> tuple[Part, int, Iterator[list[dict[str, Any]]]]:
    """Start a worker and a rollout whose first stage has been applied; events by second."""
    pipeline.apply(spec())
    worker = pipeline.worker()
    start = time.time_ns() // 1_000_000 - 40_000
    events = list(Traffic(**{"seconds": 36.0, "rate": 200.0, "candidate_share": 0.25} | traffic)
                  .events(start))  # fmt: skip
    pipeline.eventually(
        lambda: len(pipeline.bodies("davy.Activation")) >= 2, what="activation", parts=[worker]
    )
    pipeline.routed(ROLLOUT, "observed", 0, start - 60_000, 0)
    cuts = [0, *range(len(events) // 12, len(events), len(events) // 12), len(events)]
    return worker, start, iter([events[a:b] for a, b in pairwise(cuts)])


class TestDecisions:
    def test_a_good_candidate_is_promoted(self, pipeline: Pipeline) -> None:
        """First decision, stage, promotion; replay gives the same bytes; the chain holds."""
        worker, start, chunks = begin(pipeline)
        pipeline.publish(next(chunks))
        first = await_decision(pipeline, worker, seq=1)
        assert (first["action"], first["stage"]) == ("advance", 0)
        assert first["weights_bp"] == {"all": {"baseline": 7500, "candidate": 2500}}
        pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
        for chunk in chunks:
            pipeline.publish(chunk)
        last = await_decision(pipeline, worker, terminal=True)
        assert (last["action"], last["reason"].split(":")[0]) == ("promote", "no_harm_shown")
        found = bodies(pipeline)
        assert found == rejudged_bodies(pipeline)
        links = [record["prev_hash"] for record in pipeline.decisions()]
        assert links == ["", *(body_hash(body) for body in found[:-1])]

    def test_killed_between_decisions(self, pipeline: Pipeline) -> None:
        """SIGKILL of the judge: numbers stay consecutive, bytes follow from the log."""
        worker, start, chunks = begin(pipeline, error_rates=(0.01, 0.02))
        pipeline.publish(next(chunks))
        await_decision(pipeline, worker, seq=1)
        pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
        for number, chunk in enumerate(chunks):
            pipeline.publish(chunk)
            if number in (3, 6):
                worker.signal(signal.SIGKILL)
                worker = pipeline.worker(f"worker{number}")
        await_decision(pipeline, worker, terminal=True)
        assert bodies(pipeline) == rejudged_bodies(pipeline)
        numbers = [record["seq"] for record in pipeline.decisions()]
        assert numbers == list(range(1, len(numbers) + 1))

    def test_a_judge_that_was_down_refuses_an_old_promote(self, pipeline: Pipeline) -> None:
        """By the times in the log, so a replay does too; evidence promotes it all the same."""
        worker, start, chunks = begin(pipeline)
        pipeline.publish(next(chunks))
        await_decision(pipeline, worker, seq=1)
        worker.signal(signal.SIGKILL)
        pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
        asked = {"command": "PROMOTE", "actor": "ada", "reason": "", "at": start - 7_200_000}
        Log(pipeline.settings).write("commands", ROLLOUT, asked | {"rollout": ROLLOUT})
        worker = pipeline.worker("again")
        for chunk in chunks:
            pipeline.publish(chunk)
        last = await_decision(pipeline, worker, terminal=True)
        assert (last["action"], last["reason"].split(":")[0]) == ("promote", "no_harm_shown")
        (refused,) = (r for d in pipeline.decisions() if "promote_refused" in (r := d["reason"]))
        assert "promotion asked by ada, but that was at" in refused
        assert bodies(pipeline) == rejudged_bodies(pipeline)

    def test_a_harmful_candidate_is_rolled_back(self, pipeline: Pipeline) -> None:
        """Half of the candidate's requests fail: rollback, terminal, lease ended."""
        worker, start, chunks = begin(pipeline, error_rates=(0.01, 0.5))
        pipeline.publish(next(chunks))
        await_decision(pipeline, worker, seq=1)
        pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
        for chunk in chunks:
            pipeline.publish(chunk)
        last = await_decision(pipeline, worker, terminal=True)
        assert (last["action"], last["stage"]) == ("rollback", -1)
        assert last["weights_bp"] == {"all": {"baseline": 10_000, "candidate": 0}}
        harmed = [v["metric"] for v in last["verdicts"] if v["finding"] == "harm"]
        assert "errors" in harmed

        def ended() -> bool:
            return any(record["state"] == "ENDED" for _, record in pipeline.read("leases"))

        pipeline.eventually(ended, what="the lease ends", parts=[worker])

    def test_silence_never_advances(self, pipeline: Pipeline) -> None:
        """Without events after the first stage nothing is decided upwards."""
        worker, start, chunks = begin(pipeline)
        pipeline.publish(next(chunks))
        await_decision(pipeline, worker, seq=1)
        pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
        leases = len(pipeline.read("leases"))
        pipeline.eventually(
            lambda: len(pipeline.read("leases")) > leases + 3, what="heartbeats", parts=[worker]
        )
        assert {record["stage"] for record in pipeline.decisions()} == {0}
        assert not any(record["terminal"] for record in pipeline.decisions())
