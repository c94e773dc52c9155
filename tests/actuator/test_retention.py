"""Decisions that retention deleted before an actuator read them: said, and safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from streams.actuator.routers import open_router
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from tests.actuator.log import Log
from tests.actuator.targets import split
from tests.actuator.test_service import actuating, begin, on_file, phase

pytestmark = pytest.mark.slow


@pytest.fixture
def log(kafka: str, prefix: str) -> Iterator[Log]:
    """The embedded broker deletes nothing."""
    opened = Log(kafka, prefix)
    yield opened
    opened.close()


def delete_all(log: Log, topic: str) -> None:
    """What retention does to old segments, at once and for everything there is."""
    admin = AdminClient(log.settings.confluent())
    name = log.settings.topic(topic)
    asked = [TopicPartition(name, n, -1) for n in range(log.settings.rollout_partitions)]
    for done in admin.delete_records(asked).values():
        done.result(30)


@pytest.mark.parametrize("candidate_bp", [0, 5000])
def test_committed_below_what_is_left(
    log: Log, tmp_path: Path, candidate_bp: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What stood stays until the next decision, which is acted on; fences go on from there."""
    spec = on_file(tmp_path)
    with actuating(log):
        begin(log, spec)
        log.decide(spec, Action.ADVANCE, 2500)
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
    log.decide(spec, Action.HOLD, 2500)
    log.decide(spec, Action.HOLD, 2500)
    delete_all(log, "decisions")
    told = len(log.routed(spec.rollout))
    with actuating(log):
        seen = log.wait_for(
            spec.rollout, phase(RoutingPhase.OBSERVED, 1), what="a look", after=told
        )
        assert seen.applied_bp == split(2500)
        log.beat(spec)
        log.decide(spec, Action.ADVANCE if candidate_bp else Action.ROLLBACK, candidate_bp)
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 4), what="the next decision")
    assert open_router(spec.target, spec.arms).observe().weights_bp == split(candidate_bp)
    assert "actuator.decisions_lost" in caplog.text
