"""Odd events, and odd ways to publish them."""

from __future__ import annotations

from tests.soak.facts import Scenario

SCENARIOS: tuple[Scenario, ...] = ()
