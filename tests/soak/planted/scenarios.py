"""Can the oracle fail? Fleets with a bug, and the bar by which each must be caught."""

from __future__ import annotations

from tests.soak.facts import Scenario

SCENARIOS: tuple[Scenario, ...] = ()
