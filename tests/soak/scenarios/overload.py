"""More than expected: a backlog, and floods of what no rollout asks for."""

from __future__ import annotations

from typing import Any

from tests.soak.facts import Scenario, Until
from tests.soak.stage import Stage

FLOOD = 3_000
"""Events of each flood; the oracle decodes each of them."""
STRANGE: tuple[dict[str, str], ...] = (
    {"service": "nobody-{}"},
    {"model_version": "v-{}"},
    {"predicted_class": "class-{}"},
)


def flooded(stage: Stage) -> None:
    """Each event names a service, version or class of its own."""
    fault = stage.fault("a flood of distinct services, versions and classes")
    for number in range(FLOOD):
        for fields in STRANGE:
            strange: dict[str, Any] = {k: text.format(number) for k, text in fields.items()}
            stage.publish(stage.made_up(**strange))
    stage.await_progress(fault)


def backlog(stage: Stage) -> None:
    """All workers are gone while events go on; then one alone drains what has piled up."""
    fault = stage.fault("no worker for a while", Until.DECISIONS)
    for worker in list(stage.workers):
        stage.kill(worker)
    for _ in range(4 * FLOOD):
        stage.publish(stage.made_up())
    stage.start_worker()
    stage.await_decision(fault)


SCENARIOS = (
    Scenario(
        name="flood",
        says="Thousands of events name services, versions and classes that nobody knows.",
        inject=flooded,
        seconds=25,
    ),
    Scenario(
        name="backlog",
        says="All workers are killed, events pile up, and one worker drains them.",
        inject=backlog,
        seconds=30,
    ),
)
