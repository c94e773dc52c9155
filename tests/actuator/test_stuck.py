"""A target that does not return holds up nobody else, is told, and is lowered all the same."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from streams.actuator.audience import Audience
from streams.actuator.leash import Leash, LeashedRouter
from streams.actuator.ports import Applied, Desired, Fence, Router
from streams.actuator.routers import open_router
from streams.actuator.routers.memory import MemoryRouter, MemoryTarget, shared_target
from streams.actuator.service import run_actuator
from streams.demo.processes import wait_until
from streams.errors import TargetDenied
from streams.http_settings import HttpSettings
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import RolloutSpec, Target
from tests.actuator.log import Log, make_spec
from tests.actuator.targets import split
from tests.actuator.world import HandClock, HandTenure

pytestmark = pytest.mark.timeout(120)

STALL_S = 2.0


class HangingTarget:
    """Opens routers of which the first hangs in `apply` until it is told to go on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hangs, self.goes_on, self.returned = (threading.Event() for _ in range(3))
        self._first = True

    def open(self, target: Target, arms: Sequence[str], audience: Audience) -> Router:
        router = open_router(target, arms, audience)
        if target.options["name"] != self.name or not self._first:
            return router
        self._first = False
        return _Hanging(router, self)


class _Hanging:
    """Passes everything on; `apply` late."""

    def __init__(self, router: Router, told: HangingTarget) -> None:
        self._router, self._told = router, told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        self._told.hangs.set()
        self._told.goes_on.wait()
        try:
            return self._router.apply(desired, expect=expect, fence=fence)
        finally:
            self._told.returned.set()


def rollout() -> tuple[RolloutSpec, MemoryTarget]:
    name = f"r-{uuid.uuid4().hex[:8]}"
    target = Target(router="memory", options={"name": name})
    return make_spec(name, target), shared_target(name)


def phase(wanted: RoutingPhase, fence: int) -> Callable[[Any], bool]:
    return lambda record: record.phase is wanted and record.fence == fence


@pytest.fixture
def log(tansu: str, prefix: str) -> Iterator[Log]:
    opened = Log(tansu, prefix, stall_s=STALL_S, http=HttpSettings(port=0))
    yield opened
    opened.close()


@contextmanager
def actuating(log: Log, target: HangingTarget) -> Iterator[None]:
    stop = threading.Event()
    args = {"stop": stop, "open_target": target.open}
    thread = threading.Thread(target=run_actuator, args=(log.settings,), kwargs=args)
    thread.start()
    try:
        yield
    finally:
        target.goes_on.set()
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def metric(url: str, name: str) -> dict[str, float]:
    page = httpx.get(f"{url}/metrics").text
    lines = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", page, re.MULTILINE)
    return {labels: float(value) for labels, value in lines}


def test_a_hung_target(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    (sick_spec, sick), (well_spec, well) = rollout(), rollout()
    target = HangingTarget(sick_spec.rollout)
    with actuating(log, target):
        for spec in (sick_spec, well_spec):
            log.apply(spec)
            log.wait_for(spec.rollout, phase(RoutingPhase.OBSERVED, 0), what="first look")
            log.beat(spec)
        url = re.findall(r"metrics at (\S+)", caplog.text)[-1]
        log.decide(sick_spec, Action.ADVANCE, 2500)
        assert target.hangs.wait(20)

        log.decide(well_spec, Action.ADVANCE, 2500)
        log.wait_for(well_spec.rollout, phase(RoutingPhase.APPLIED, 1), what="the other goes on")
        assert well.weights_bp == split(2500)

        log.decide(sick_spec, Action.ROLLBACK, 0)
        log.wait_for(sick_spec.rollout, phase(RoutingPhase.OBSERVED, 2), what="the rollback")
        assert metric(url, "davy_actuator_renewed_runners_total")[""] == 1
        assert httpx.get(f"{url}/healthz").text == "ok\n"

        target.goes_on.set()  # what hung wants to raise now: the fence is newer
        assert target.returned.wait(20)
    assert sick.weights_bp == split(0)
    assert "actuator.renewed" in caplog.text


def test_a_stuck_target_is_told_before_it_is_left_behind(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    spec, _ = rollout()
    target = HangingTarget(spec.rollout)
    with actuating(log, target):
        log.apply(spec)
        log.wait_for(spec.rollout, phase(RoutingPhase.OBSERVED, 0), what="first look")
        log.beat(spec)
        log.decide(spec, Action.ADVANCE, 2500)
        assert target.hangs.wait(20)
        url = re.findall(r"metrics at (\S+)", caplog.text)[-1]
        label = f'{{rollout="{spec.rollout}"}}'
        wait_until(
            lambda: metric(url, "davy_actuator_target_stuck_seconds").get(label, 0) > 0.5,
            what="a stuck target",
            deadline_s=20,
        )
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="the raise, by another")
        assert httpx.get(f"{url}/readyz").text == "ok\n"
        assert metric(url, "davy_actuator_last_decision_seq")[label] == 1
        assert metric(url, "davy_actuator_judge")[f'{{rollout="{spec.rollout}",state="live"}}'] == 1
        assert metric(url, "davy_actuator_apply_seconds_count")[""] == 1


def test_a_cut_leash_lets_nothing_through() -> None:
    target, leash = MemoryTarget(), Leash()
    memory = MemoryRouter(target, ("baseline", "candidate"))
    router = LeashedRouter(memory, leash, HandTenure(), HandClock())
    fence = Fence(rollout="r", seq=1)
    router.apply(Desired(weights_bp=split(100)), expect=None, fence=fence)
    leash.cut()
    with pytest.raises(TargetDenied, match="another runner has taken over"):
        router.apply(Desired(weights_bp=split(9900)), expect=None, fence=fence)
    assert target.weights_bp == split(100)
