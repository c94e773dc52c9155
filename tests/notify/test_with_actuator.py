"""What a real actuator's records tell: the end, strangers, and a target that refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import Target
from tests.actuator.log import Log, make_spec
from tests.actuator.targets import split
from tests.actuator.test_service import actuating, begin, in_memory, phase
from tests.notify.receiver import Receiver
from tests.notify.test_service import telling, until, webhook

pytestmark = pytest.mark.flow


@pytest.fixture
def log(tansu: str, prefix: str) -> Iterator[Log]:
    """Topics of the test's own."""
    opened = Log(tansu, prefix)
    yield opened
    opened.close()


def test_a_rollout_with_a_stranger(log: Log, receive: Callable[..., Receiver], caplog: Any) -> None:
    """Somebody raises the share, davy undoes it; then the end, seen in force."""
    to, pipeline, (spec, target) = receive(), receive(), in_memory()
    hooks = {"ops": webhook(to), "deliver": {"kind": "trigger", "url": pipeline.url}}
    with telling(log, caplog, **hooks), actuating(log):
        begin(log, spec)
        log.decide(spec, Action.ADVANCE, 2500)
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        target.set(split(9000))
        until(lambda: "recovered" in to.kinds(), "undone and over")
        log.decide(spec, Action.PROMOTE, 10_000)
        until(lambda: "settled" in to.kinds(), "settled")
        until(lambda: "promoted" in to.kinds(), "promoted")
        until(lambda: bool(pipeline.calls), "the pipeline is started")
    expected = ["foreign_raise", "promoted", "recovered", "settled", "stage_advanced", "started"]
    assert sorted(to.kinds()) == expected
    by_kind = {call.body["data"]["transition"]: call.body["data"] for call in to.calls}
    assert by_kind["recovered"]["ended"] == "foreign_raise"
    assert by_kind["settled"]["weights_bp"] == split(10_000)
    assert (by_kind["promoted"]["outcome"], by_kind["settled"]["outcome"]) == (None, "promoted")
    [started] = pipeline.calls
    assert (started.body["event"], started.body["model_version"]) == ("promoted", "v2")


def test_a_target_that_is_not_there(
    log: Log, receive: Callable[..., Receiver], caplog: Any
) -> None:
    """Told once, however often it is tried, with what the actuator says of it."""
    to = receive()
    spec = make_spec("wrong", Target(router="nothing-like-it", options={}))
    with telling(log, caplog, ops=webhook(to)), actuating(log):
        log.apply(spec)
        until(lambda: "target_refused" in to.kinds(), "refused")
    assert sorted(to.kinds()) == ["started", "target_refused"]
    [told] = [c.body["data"] for c in to.calls if c.body["data"]["transition"] != "started"]
    assert "no router `nothing-like-it`" in told["sentence"] + told["code"]
    assert told["severity"] == "critical"
