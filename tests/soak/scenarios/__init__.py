"""Every scenario, family by family. A new one is a `Scenario` in the tuple of its file."""

from __future__ import annotations

from tests.soak.facts import Scenario
from tests.soak.planted.scenarios import SCENARIOS as PLANTED
from tests.soak.scenarios import events, workers

SCENARIOS: tuple[Scenario, ...] = (*workers.SCENARIOS, *events.SCENARIOS)


def by_name(name: str) -> Scenario:
    """The scenario of this name, planted bugs included; KeyError that tells the names."""
    known = {scenario.name: scenario for scenario in (*SCENARIOS, *PLANTED)}
    if name not in known:
        raise KeyError(f"no scenario `{name}`; there are {', '.join(known)}")
    return known[name]
