"""The actuator as a program: real brokers, real Envoy, records in and weights out."""

from __future__ import annotations

import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.actuator.routers import open_router
from streams.actuator.routers.memory import MemoryTarget, shared_target
from streams.actuator.service import run_actuator
from streams.demo.processes import Part, Parts, wait_until
from streams.demo.proxy import ROUTE, start_envoy, write_routes
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import RolloutSpec, Target
from streams.spec.targeting import HeaderRule
from tests.actuator import traffic
from tests.actuator.log import Log, make_spec
from tests.actuator.targets import CLUSTERS, split
from tests.environment import environment_of

FREE = HeaderRule(header="x-tier", values=("free",))


@pytest.fixture
def log(broker: Any, prefix: str) -> Iterator[Log]:
    """Topics of the test's own."""
    opened = Log(broker.bootstrap, prefix)
    yield opened
    opened.close()


@contextmanager
def actuating(log: Log) -> Iterator[None]:
    """An actuator in a thread of this process, so that its memory targets can be looked at."""
    stop = threading.Event()
    failures: list[Exception] = []

    def run() -> None:
        try:
            run_actuator(log.settings, stop=stop)
        except Exception as error:  # noqa: BLE001 - the test asserts that there is none
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


def in_memory(**more: Any) -> tuple[RolloutSpec, MemoryTarget]:
    """A rollout on a memory target of its own."""
    name = f"r-{uuid.uuid4().hex[:8]}"
    target = Target(router="memory", options={"name": name})
    return make_spec(name, target, **more), shared_target(name)


def phase(wanted: RoutingPhase, fence: int) -> Callable[[Any], bool]:
    return lambda record: record.phase is wanted and record.fence == fence


def begin(log: Log, spec: RolloutSpec) -> None:
    """Apply, wait until the actuator knows it, and let the judge be heard."""
    log.apply(spec)
    log.wait_for(spec.rollout, phase(RoutingPhase.OBSERVED, 0), what="first look")
    log.beat(spec)


class TestRollout:
    def test_first_look_intent_applied(self, log: Log) -> None:
        """Seen before the first decision; then intent, applied, and observed ever after."""
        spec, target = in_memory()
        with actuating(log):
            log.apply(spec)
            first = log.wait_for(spec.rollout, phase(RoutingPhase.OBSERVED, 0), what="first look")
            assert (first.applied_bp, first.desired_bp) == (split(0), {})
            log.beat(spec)
            log.decide(spec, Action.ADVANCE, 2500)
            applied = log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
            later = log.wait_for(
                spec.rollout,
                lambda r: phase(RoutingPhase.OBSERVED, 1)(r) and r.confirmed_until > applied.at,
                what="confirmation",
            )
        assert target.weights_bp == applied.applied_bp == later.applied_bp == split(2500)
        assert later.since == applied.since <= later.confirmed_until
        phases = [record.phase for record in log.routed(spec.rollout) if record.fence == 1]
        # The decision may be read before the lease: then it is looked at once more, unraised.
        phases = phases[phases.index(RoutingPhase.INTENT) :]
        assert phases[:3] == [RoutingPhase.INTENT, RoutingPhase.APPLIED, RoutingPhase.OBSERVED]

    def test_a_restart_writes_nothing(self, log: Log) -> None:
        """A new process reads the whole history and finds nothing to do."""
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        known = len(log.routed(spec.rollout))
        with actuating(log):
            log.wait_for(
                spec.rollout, phase(RoutingPhase.OBSERVED, 1), what="a new look", after=known
            )
        assert (target.writes, target.weights_bp) == (1, split(2500))
        new = {record.phase for record in log.routed(spec.rollout)[known:]}
        assert new == {RoutingPhase.OBSERVED}

    def test_a_raise_waits_for_a_heartbeat(self, log: Log) -> None:
        """An advance without a lease is held; the first heartbeat lets it through."""
        spec, target = in_memory()
        with actuating(log):
            log.apply(spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(
                spec.rollout, lambda r: r.reason.startswith("no_lease"), what="held without lease"
            )
            assert target.writes == 0
            log.beat(spec)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        assert target.weights_bp == split(2500)

    def test_poison_stops_nothing(self, log: Log) -> None:
        """Garbage in every topic; the next good record is acted on."""
        spec, target = in_memory()
        with actuating(log):
            log.apply(spec)
            log.wait_for(spec.rollout, phase(RoutingPhase.OBSERVED, 0), what="first look")
            for topic in ("rollouts", "decisions", "leases", "commands", "routing"):
                for value in (b"", b"garbage", b"\x00\x00\x00\x00\x01", b"\x00\x7f\xff\xff\xffx"):
                    log.send(topic, spec.rollout, value)
            log.beat(spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        assert target.weights_bp == split(2500)

    def test_a_stale_decision_is_refused(self, log: Log) -> None:
        """A record with an older seq, written later, is answered by `refused`."""
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
            log.decide(spec, Action.ROLLBACK, 0)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 2), what="rolled back")
            log.decide(spec, Action.PROMOTE, 10_000, seq=1)
            refused = log.wait_for(spec.rollout, phase(RoutingPhase.REFUSED, 1), what="refused")
        assert refused.reason.startswith("stale")
        assert target.weights_bp == split(0)

    def test_abort_needs_no_judge(self, log: Log) -> None:
        """A person's abort rolls back at once, though no judge is there."""
        spec, target = in_memory()
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
            log.command(spec, "ABORT")
            log.wait_for(spec.rollout, lambda r: r.terminal, what="terminal")
            wait_until(lambda: target.weights_bp == split(0), what="zero", deadline_s=5)

    def test_a_wrong_target_is_told(self, log: Log) -> None:
        """A router that does not exist is a failed record, and no obstacle to others."""
        wrong = make_spec("wrong", Target(router="nothing-like-it", options={}))
        spec, target = in_memory()
        with actuating(log):
            log.apply(wrong)
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
            failed = log.wait_for("wrong", phase(RoutingPhase.FAILED, 0), what="failed")
        assert "no router `nothing-like-it`" in failed.reason
        assert target.weights_bp == split(2500)

    def test_a_rule_that_the_router_cannot_compile_is_told(self, log: Log) -> None:
        """A spec that nobody checked moves nothing: the record names rule and router."""
        servers = {"baseline": "v1", "candidate": "v2"}
        options = {"socket": "/run/nowhere.sock", "backend": "digits", "servers": servers}
        spec = make_spec("wrong", Target(router="haproxy", options=options), targeting=(FREE,))
        with actuating(log):
            log.apply(spec)
            failed = log.wait_for("wrong", phase(RoutingPhase.FAILED, 0), what="failed")
        assert "targeting[0]: router haproxy cannot compile a header rule" in failed.reason

    def test_segments_and_rules_through_the_log(self, log: Log) -> None:
        """What a decision says by segment is applied and told so, and found after a restart."""
        spec, target = in_memory(targeting=(FREE,))
        wanted = {**split(2500), "country=SG": split(0)["all"], "untargeted": split(0)["all"]}
        with actuating(log):
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500, segments={"country=SG": 0})
            applied = log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        assert applied.applied_bp == target.weights_bp == wanted
        writes, told = target.writes, len(log.routed(spec.rollout))
        with actuating(log):
            seen = log.wait_for(
                spec.rollout, phase(RoutingPhase.OBSERVED, 1), what="observed", after=told
            )
        assert (seen.applied_bp, target.writes) == (wanted, writes)


class TestEnvoy:
    @pytest.mark.slow
    def test_rollback_is_quick_and_survives_a_kill(
        self, log: Log, parts: Parts, tmp_path: Path
    ) -> None:
        """The program moves real traffic; killed and started again it goes on where it was."""
        with traffic.servers(["v1", "v2"]) as ports:
            proxy = start_envoy(parts, tmp_path, ports, {"v1": 100, "v2": 0})
            options = {"rds": str(proxy.rds), "route": ROUTE, "clusters": CLUSTERS}
            target = Target(router="envoy", options=options | {"admin": proxy.admin})
            spec = make_spec("real", target)
            first = start(parts, log)
            begin(log, spec)
            log.decide(spec, Action.ADVANCE, 2500)
            log.wait_for("real", phase(RoutingPhase.APPLIED, 1), what="applied")
            assert 0 < traffic.count(proxy.url, 400)["v2"] < 200
            first.signal(signal.SIGKILL)
            first.wait(deadline_s=5)
            begun = time.monotonic()
            log.decide(spec, Action.ROLLBACK, 0)
            second = start(parts, log)
            log.wait_for("real", phase(RoutingPhase.APPLIED, 2), what="rolled back")
            assert time.monotonic() - begun < 20
            assert traffic.count(proxy.url, 200)["v2"] == 0
            assert second.stop() == 0


class TestStaticMembership:
    """With `instance_id` a member keeps its partitions over a quick restart."""

    @pytest.fixture
    def log(self, kafka: str, prefix: str) -> Iterator[Log]:
        """The embedded broker knows no static members."""
        opened = Log(kafka, prefix)
        yield opened
        opened.close()

    @pytest.mark.slow
    def test_the_other_member_takes_over(self, log: Log, parts: Parts, tmp_path: Path) -> None:
        """A killed member's rollouts are the other's once its session has ended."""
        spec = on_file(tmp_path)
        first = start(parts, log, instance_id="one")
        begin(log, spec)
        log.decide(spec, Action.ADVANCE, 2500)
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        first.kill()
        start(parts, log, instance_id="two")
        log.decide(spec, Action.ROLLBACK, 0)
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 2), what="rolled back")
        assert open_router(spec.target, spec.arms).observe().weights_bp == split(0)

    @pytest.mark.slow
    def test_the_same_name_twice(self, log: Log, parts: Parts, tmp_path: Path) -> None:
        """The younger one is fenced in, the older one ends and says why."""
        spec = on_file(tmp_path)
        older = start(parts, log, instance_id="one")
        begin(log, spec)
        log.decide(spec, Action.ADVANCE, 2500)
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 1), what="applied")
        younger = start(parts, log, instance_id="one")
        assert older.wait(deadline_s=30) != 0
        assert "the consumer of" in older.tail()
        log.decide(spec, Action.ROLLBACK, 0)
        log.wait_for(spec.rollout, phase(RoutingPhase.APPLIED, 2), what="rolled back")
        assert open_router(spec.target, spec.arms).observe().weights_bp == split(0)
        assert younger.running


def on_file(folder: Path) -> RolloutSpec:
    """A rollout on a route file that several processes can steer."""
    rds = folder / "routes.json"
    write_routes(rds, {"v1": 100, "v2": 0})
    options = {"rds": str(rds), "route": ROUTE, "clusters": CLUSTERS}
    return make_spec("on-file", Target(router="envoy", options=options))


def start(parts: Parts, log: Log, *, instance_id: str | None = None) -> Part:
    """`davy actuator` on the test's topics."""
    env = environment_of(log.settings)
    if instance_id is not None:
        env["DAVY_INSTANCE_ID"] = instance_id
    name = f"actuator-{len(list(parts))}"
    return parts.start(name, [sys.executable, "-m", "streams.cli", "actuator"], env=env)
