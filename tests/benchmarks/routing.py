"""How soon after a decision does Envoy split as it says? Real Kafka, actuator and Envoy.

From just before a decision is produced to the first look at Envoy's own routes that shows its
weights, by the clock of this process.
"""

from __future__ import annotations

import http.client
import re
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlparse

from streams.demo.processes import Parts, free_ports, wait_until
from streams.demo.proxy import ROUTE, Proxy, start_envoy
from streams.judge.decision_facts import Action
from streams.judge.facts import RoutingPhase
from streams.spec.model import FULL_BP, RolloutSpec, Target
from tests.actuator.log import Log, make_spec
from tests.benchmarks.results import Row, spread
from tests.environment import environment_of

COUNT = 200
"""Decisions; every other one lowers."""
SHARES = (2500, 2400)
LATE_S, LOOK_S = 10.0, 0.001
WEIGHT = re.compile(rb'"name":\s*"v2",\s*"weight":\s*(\d+)')


class Eye:
    """Envoy's own routes, over one connection."""

    def __init__(self, admin: str) -> None:
        found = urlparse(admin)
        self._connection = http.client.HTTPConnection(str(found.hostname), found.port)

    def share(self) -> int:
        """The candidate's weight now, in basis points."""
        self._connection.request("GET", "/config_dump?resource=dynamic_route_configs")
        found = WEIGHT.search(self._connection.getresponse().read())
        return int(found[1]) if found else 0


def rows(bootstrap: str, folder: Path) -> list[Row]:
    """The median, and the slowest in a hundred."""
    with Parts(folder) as parts:
        one, two = free_ports(2)
        proxy = start_envoy(parts, folder, {"v1": one, "v2": two}, {"v1": FULL_BP, "v2": 0})
        log = Log(bootstrap, f"b{uuid.uuid4().hex[:8]}-")
        try:
            spent = _moved(log, parts, proxy)
        finally:
            log.close()
    name, note = "decision to weight at Envoy", f"{COUNT} decisions"
    return spread(name, [[each * 1000 for each in spent]], "ms", must=100, moonshot=30, note=note)


def _moved(log: Log, parts: Parts, proxy: Proxy) -> list[float]:
    """Seconds that each decision took."""
    options = {"rds": str(proxy.rds), "route": ROUTE, "admin": proxy.admin}
    clusters = {"clusters": {"baseline": "v1", "candidate": "v2"}}
    spec = make_spec("routed", Target(router="envoy", options=options | clusters))
    _begin(log, parts, spec)
    eye = Eye(proxy.admin)
    spent = []
    for number in range(COUNT):
        share = SHARES[number % 2]
        if number % 50 == 0:
            log.beat(spec, valid_s=60.0)
        began = time.perf_counter()
        log.decide(spec, Action.ADVANCE if share == SHARES[0] else Action.HOLD, share)
        while eye.share() != share:
            assert time.perf_counter() - began < LATE_S, f"{share} did not come"
            time.sleep(LOOK_S)
        spent.append(time.perf_counter() - began)
    return spent


def _begin(log: Log, parts: Parts, spec: RolloutSpec) -> None:
    command = [sys.executable, "-m", "streams.cli", "actuator"]
    parts.start("actuator", command, env=environment_of(log.settings))
    log.apply(spec)

    def looked() -> bool:
        return any(each.phase is RoutingPhase.OBSERVED for each in log.routed(spec.rollout))

    wait_until(looked, what="the actuator's first look", deadline_s=30)
