"""How is one scenario played, from empty topics to its report?"""

from __future__ import annotations

import json
import random
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.rigs.cluster import CLIENTS, Cluster
from infra.rigs.links import Link
from streams.access_settings import RegistrySettings
from streams.demo.processes import HOST, Part, Parts
from streams.demo.proxy import Proxy, start_envoy
from streams.errors import PartError
from streams.settings import Settings
from streams.spec.model import ALL_SEGMENT, FULL_BP, MIRROR, Mode, RolloutSpec, Target
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.store import open_store
from tests.nursery import Nursery
from tests.soak.backends import Backends, asked
from tests.soak.facts import Fleet, Report, Scenario, Tally
from tests.soak.generator import Generator, share_at
from tests.soak.oracle.examine import Examination
from tests.soak.registry import Registry
from tests.soak.requests import Requests
from tests.soak.rollouts import usual
from tests.soak.stage import RECOVER_S, TARGET, Stage, now_ms
from tests.soak.stillness import Stillness
from tests.soak.watch import Watch

SETTINGS: Mapping[str, Any] = {
    "source_partitions": 3,
    "rollout_partitions": 2,
    "pane_ms": 1000,
    "lateness_ms": 500,
    "idle_ms": 600_000,
    "flush_ms": 150,
    "session_timeout_s": 6.0,
    "heartbeat_s": 1.5,
    "reconcile_s": 0.5,
    "transactions": "on",
}
START_S = 180.0
CLOSING_MS = 8_000
"""How far closing events run ahead of the last real ones."""


class Player:
    """Plays scenarios, one after the other, on one lane's Kafka."""

    def __init__(
        self, kafka: Cluster, nursery: Nursery, backends: Backends, folder: Path, lane: int
    ) -> None:
        self._kafka, self._nursery, self._backends = kafka, nursery, backends
        self._folder, self._lane = folder, lane
        self._played = 0

    def play(
        self, scenario: Scenario, seed: int, number: int, registry: Registry | None = None
    ) -> Report:
        """The report of one scenario; what goes wrong stands in it."""
        began = time.monotonic()
        self._played = number
        report = Report(
            scenario=scenario.name,
            says=scenario.says,
            seed=seed,
            round=number,
            lane=self._lane,
            brokers=len(self._kafka.nodes),
            seconds=0.0,
            tally=Tally(),
            expects=scenario.expects,
        )
        with Stillness() as still:
            try:
                report = self._played_out(scenario, seed, report, registry)
            except Exception:  # noqa: BLE001 - told in the report; the next scenario goes on
                report = replace(report, error=traceback.format_exc(limit=-6))
        seconds = round(time.monotonic() - began, 1)
        return replace(report, seconds=seconds, stood_still_s=round(still.longest_s, 1))

    def _played_out(
        self, scenario: Scenario, seed: int, report: Report, registry: Registry | None
    ) -> Report:
        with self._staged(scenario, seed, registry) as stage:
            scenario.inject(stage)
            target = self._drain(stage)
            witness = self._witness(stage)
        examined = Examination(stage.settings, stage.deleted)
        found = examined.compare()
        tally, ledger = found.tally, stage.generator.ledger
        tally.offered, tally.duplicates_sent = ledger.offered, ledger.repeated
        tally.not_in_log = examined.not_in_log(ledger.accepted, ledger.somewhere)
        faults = examined.recovered(stage.faults, stage.rollouts[0].rollout)
        tally.not_recovered = sum(fault.recovery_s is None for fault in faults)
        for wrong, name in ((target, "target_wrong"), (witness, "replay_different")):
            if wrong:
                found.say(wrong, **{name: 1})
        return replace(report, tally=tally, faults=faults, findings=tuple(found.findings))

    @contextmanager
    def _staged(self, scenario: Scenario, seed: int, registry: Registry | None) -> Iterator[Stage]:
        fleet = scenario.fleet
        name = f"{scenario.name}-{self._played}"
        folder = self._folder / name
        settings = Settings(
            bootstrap=self._kafka.bootstrap(),
            prefix=f"{name}-",
            group=f"{name}-davy",
            replication=len(self._kafka.nodes),
            registry=RegistrySettings(url=None if registry is None else registry.url),
            **{**SETTINGS, **scenario.settings},
        )
        create_topics(settings)
        Codec(open_store(settings), settings.prefix).register()
        with ExitStack() as stack:
            parts = stack.enter_context(Parts(folder))
            proxy = start_envoy(parts, folder, self._backends.ports, {"v1": FULL_BP, "v2": 0})
            links = self._links(proxy)
            target = Target(router="envoy", options=_options(proxy.rds, _admin(proxy, links)))
            spec = (fleet.spec or usual)(target)
            watch = stack.enter_context(Watch(settings))
            generator = self._generator(settings, fleet, spec, proxy, random.Random(seed))
            stage = Stage(
                settings=settings,
                fleet=fleet,
                kafka=self._kafka,
                links=links,
                registry=registry,
                proxy=proxy,
                parts=parts,
                nursery=self._nursery,
                watch=watch,
                generator=generator,
                dice=random.Random(seed + 1),
                folder=folder,
            )
            _begin(stage, (spec, *(fleet.also(target) if fleet.also else ())))
            stack.enter_context(generator)
            stage.until(lambda: watch.decision(spec.rollout) is not None, "a decision", START_S)
            yield stage

    def _generator(
        self, settings: Settings, fleet: Fleet, spec: RolloutSpec, proxy: Proxy, dice: random.Random
    ) -> Generator:
        requests = Requests(
            dice=dice,
            producers=fleet.producers,
            oddities=fleet.oddities,
            copies=spec.mode is Mode.SHADOW,
            labels=fleet.outcomes,
        )
        return Generator(
            settings.model_copy(update={"bootstrap": self._bootstrap("PRODUCER")}),
            requests,
            share_at(proxy.rds),
            rate=fleet.rate,
            transactional=fleet.transactional,
        )

    def _links(self, proxy: Proxy) -> Mapping[str, Link]:
        """What can be cut: listeners of Kafka, and the way from actuators to Envoy's admin."""
        network = self._kafka.network
        if network is None:
            return {}
        return {**self._kafka.links, TARGET: network.link(int(proxy.admin.rpartition(":")[2]))}

    def _bootstrap(self, listener: str) -> str:
        return self._kafka.bootstrap(listener if listener in self._kafka.links else CLIENTS)

    def _drain(self, stage: Stage) -> str:
        """Let everything that was published be folded, judged and applied; what the target lacks.

        Closing events of no rollout drive the watermark past the last real event.
        """
        stage.generator.stop()
        last_pane = (now_ms() + stage.settings.pane_ms) // stage.settings.pane_ms
        for partition in range(stage.settings.source_partitions):
            at_ms = now_ms() + CLOSING_MS
            changes = {"service": "closing", "completed_at": at_ms}
            stage.publish(stage.made_up(**changes), partition=partition)
        stage.generator.settle()
        stage.until(
            lambda: stage.watch.closed_through() >= last_pane, "the last pane closed", START_S
        )
        if stage.rollouts[0].outcomes:
            stage.until(
                lambda: stage.watch.closed_through("outcomes") >= stage.watch.closed_through(),
                "all outcomes joined",
                START_S,
            )
        missing = self._await_target(stage)
        self._end(*stage.workers, *stage.actuators)
        return missing

    @staticmethod
    def _end(*parts: Part) -> None:
        """All at once, in order: told once, for a second signal may hit them when they have left
        their handlers."""
        for part in parts:
            part.signal(signal.SIGTERM)
        for part in parts:
            code = part.wait(deadline_s=RECOVER_S)
            assert code == 0, f"{part.name} ended with code {code}:\n{part.tail()}"

    def _await_target(self, stage: Stage) -> str:
        """Wait until decisions have caught up and the target is where the last one says."""
        spec = stage.rollouts[0]
        hold = stage.settings.lateness_ms + spec.pair_hold_ms
        closed = stage.watch.closed_through() - -(-hold // stage.settings.pane_ms)
        report_panes = int(spec.report_every_s * 1000) // stage.settings.pane_ms

        def judged() -> bool:
            last = stage.watch.decision(spec.rollout)
            assert last is not None
            return bool(last["terminal"]) or last["cut"]["pane"] >= closed - report_panes

        stage.until(judged, f"a decision on pane {closed}", RECOVER_S)
        if not stage.actuators:
            return ""
        try:
            stage.until(lambda: not _lacks(stage), "the target to follow", RECOVER_S / 3)
        except PartError:
            return _lacks(stage)
        return _unlike(stage)

    def _witness(self, stage: Stage) -> str:
        """What `davy replay` finds different; empty if nothing."""
        wrong = []
        for spec in stage.rollouts:
            log = stage.folder / f"replay-{spec.rollout}.log"
            command = ("-m", "streams.cli", "replay", spec.rollout)
            part: Part = self._nursery.fork("replay", command, log=log, env=stage.env())
            if part.wait(deadline_s=RECOVER_S * 2) != 0:
                wrong.append(part.tail(3))
        return "\n".join(wrong)


def _begin(stage: Stage, specs: Sequence[RolloutSpec]) -> None:
    """Apply the rollouts, start the fleet, and wait until it counts for all of them."""
    for spec in specs:
        stage.apply(spec)
    for _ in range(stage.fleet.workers):
        stage.start_worker()
    for _ in range(stage.fleet.actuators):
        stage.start_actuator()
    for spec in specs:
        what = f"{spec.rollout} to count"
        stage.until(lambda name=spec.rollout: stage.watch.activated(name), what, START_S)


def _admin(proxy: Proxy, links: Mapping[str, Link]) -> str:
    return f"http://{HOST}:{links[TARGET].port}" if TARGET in links else proxy.admin


def _options(rds: Path, admin: str) -> dict[str, Any]:
    clusters = {"baseline": "v1", "candidate": "v2"}
    return {"rds": str(rds), "route": "digits", "clusters": clusters, "admin": admin}


def _lacks(stage: Stage) -> str:
    """How the actuator's last word differs from the last decision; empty if it does not."""
    rollout = stage.rollouts[0].rollout
    told, decided = stage.watch.routing(rollout), stage.watch.decision(rollout)
    if told is None or decided is None:
        return "nothing is decided, or nobody tells of the target"
    wanted = decided["weights_bp"]
    has = {
        name: told["applied_bp"].get(name, told["applied_bp"].get(ALL_SEGMENT)) for name in wanted
    }
    if told["phase"] in ("applied", "observed") and has == dict(wanted):
        return ""
    return f"decision {decided['seq']} wants {wanted}, the target has {told['applied_bp']}"


def _unlike(stage: Stage) -> str:
    """Whether the proxy itself answers otherwise than the last decision says."""
    decided = stage.watch.decision(stage.rollouts[0].rollout)
    assert decided is not None
    if MIRROR in decided["weights_bp"]:
        return ""
    weights = decided["weights_bp"][ALL_SEGMENT]
    routes = json.loads(stage.proxy.rds.read_text())["resources"][0]["virtual_hosts"][0]["routes"]
    split = routes[-1]["route"]["weighted_clusters"]["clusters"]
    has = {each["name"]: each["weight"] for each in split}
    wanted = {"v1": weights["baseline"], "v2": weights["candidate"]}
    if has != wanted:
        return f"the route file has {has}, decided is {wanted}"
    answers = asked(stage.proxy.url, 40)
    nobody = [version for version, weight in wanted.items() if not weight and answers[version]]
    return f"{nobody} answer and should not: {dict(answers)}" if nobody else ""
