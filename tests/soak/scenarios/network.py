"""Networks that are cut, half-open or slow between two kinds of programs."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from infra.rigs.links import Link
from tests.soak.facts import Inject, Need, Scenario, Until
from tests.soak.stage import TARGET, Stage

CLUSTER = frozenset({Need.CLUSTER})
AWAY_S = 9.0
"""Longer than the sessions of the soak's fleet."""
DELAY_MS = 150
BYTES_S = 100_000
WAITS = "waiting for the schema registry"
Break = Callable[[Link], None]


def broken(stage: Stage, *, name: str, how: Break, what: str) -> None:
    """Break one network for a while, while panes close behind it or not."""
    link = stage.links[name]
    fault = stage.fault(what)
    how(link)
    stage.until_s(time.monotonic() + AWAY_S)
    link.heal()
    stage.await_progress(fault)


def actuator_broken(stage: Stage, *, name: str, how: Break, what: str) -> None:
    """Break a network of the actuator: it recovers from when it is whole again."""
    link = stage.links[name]
    how(link)
    stage.until_s(time.monotonic() + AWAY_S)
    fault = stage.fault(f"{what}, over again", Until.ROUTING)
    link.heal()

    def told() -> bool:
        said = stage.watch.routing(stage.rollouts[0].rollout)
        known = said is not None and said["phase"] in ("applied", "observed")
        return known and said is not None and said["at"] > fault.at_ms

    stage.until(told, "the actuator tells of its target")
    stage.await_progress()


def one_worker_cut_off(stage: Stage) -> None:
    """The others take over; it comes back with what it still holds, and is fenced."""
    worker = stage.dice.choice(stage.workers)
    link = stage.links["WORKER"]
    fault = stage.fault("a worker's network is a black hole")
    link.blackhole(pid=worker.pid)
    stage.await_progress(fault)
    link.heal()
    stage.await_progress()


def registry_away_at_the_start(stage: Stage) -> None:
    """Workers that know no schema yet wait for it, and count nothing meanwhile."""
    link = _registry(stage)
    fault = stage.fault("the registry is away and every worker is killed")
    link.cut()
    for worker in list(stage.workers):
        stage.kill(worker)
        stage.start_worker()
    for worker in stage.workers:
        stage.until(lambda worker=worker: WAITS in worker.log.read_text(), "a worker to say so")
    link.heal()
    stage.await_progress(fault)


def registry_away(stage: Stage) -> None:
    """Who knows the schemas needs no registry: not even to take over from another."""
    link = _registry(stage)
    link.blackhole()
    fault = stage.fault("a worker is killed while the registry is a black hole")
    stage.kill(stage.dice.choice(stage.workers))
    stage.await_progress(fault)
    link.heal()
    stage.start_worker()
    stage.await_progress()


def _registry(stage: Stage) -> Link:
    assert stage.registry is not None, "the scenario needs a registry"
    return stage.registry.link


def _scenario(name: str, says: str, inject: Inject) -> Scenario:
    return Scenario(name=name, says=says, inject=inject, needs=CLUSTER, seconds=35)


def _pair(link: str, whose: str, play: Callable[..., None]) -> tuple[Scenario, Scenario]:
    """The two ways in which a network is gone."""
    cut, hole = f"{whose} cut off", f"{whose} behind a black hole"
    return (
        _scenario(
            f"{link.lower()}-cut",
            f"Connections of {whose} are reset and refused for {AWAY_S:g} s.",
            partial(play, name=link, how=Link.cut, what=cut),
        ),
        _scenario(
            f"{link.lower()}-blackhole",
            f"Connections of {whose} stay open and pass nothing for {AWAY_S:g} s.",
            partial(play, name=link, how=Link.blackhole, what=hole),
        ),
    )


SCENARIOS = (
    *_pair("WORKER", "all workers to Kafka", broken),
    *_pair("PRODUCER", "the services to Kafka", broken),
    *_pair("ACTUATOR", "the actuator to Kafka", actuator_broken),
    *_pair(TARGET, "the actuator to Envoy's admin", actuator_broken),
    Scenario(
        name="registry-away-at-start",
        says="Workers are killed and started while the schema registry cannot be reached.",
        inject=registry_away_at_the_start,
        needs=frozenset({Need.REGISTRY}),
        seconds=35,
    ),
    Scenario(
        name="registry-away",
        says="A worker is killed while the schema registry is a black hole.",
        inject=registry_away,
        needs=frozenset({Need.REGISTRY}),
        seconds=35,
    ),
    _scenario(
        "worker-cut-off",
        "One of two workers is alone behind a black hole; the other takes over.",
        one_worker_cut_off,
    ),
    _scenario(
        "worker-slow",
        f"Workers reach Kafka with {DELAY_MS} ms of delay each way.",
        partial(
            broken,
            name="WORKER",
            how=partial(Link.delay, ms=DELAY_MS),
            what="a slow network of all workers",
        ),
    ),
    _scenario(
        "worker-narrow",
        f"Workers reach Kafka with {BYTES_S // 1000} kB a second of each connection.",
        partial(
            broken,
            name="WORKER",
            how=partial(Link.throttle, bytes_s=BYTES_S),
            what="a narrow network of all workers",
        ),
    ),
)
