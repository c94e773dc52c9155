"""Every scenario, family by family. A new one is a `Scenario` in the tuple of its file."""

from __future__ import annotations

from tests.soak.facts import Scenario
from tests.soak.scenarios import (
    brokers,
    events,
    failover,
    network,
    overload,
    recovery,
    retention,
    workers,
)
from tests.soak.scenarios.mixed import PREFIX, mixed
from tests.soak.scenarios.planted import SCENARIOS as PLANTED

SCENARIOS: tuple[Scenario, ...] = (
    *workers.SCENARIOS,
    *events.SCENARIOS,
    *overload.SCENARIOS,
    *brokers.SCENARIOS,
    *network.SCENARIOS,
    *failover.SCENARIOS,
    *recovery.SCENARIOS,
    *retention.SCENARIOS,
)


def by_name(name: str) -> Scenario:
    """The scenario of this name, planted bugs included; KeyError that tells the names."""
    if name.startswith(PREFIX):
        return mixed(SCENARIOS, int(name.removeprefix(PREFIX)))
    known = {scenario.name: scenario for scenario in (*SCENARIOS, *PLANTED)}
    if name not in known:
        raise KeyError(f"no scenario `{name}`; there are {', '.join(known)}")
    return known[name]
