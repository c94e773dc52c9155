"""Workers that are killed, stopped, frozen, added and taken away."""

from __future__ import annotations

from tests.soak.facts import Scenario
from tests.soak.stage import Stage


def quiet(stage: Stage) -> None:
    """Nothing happens: what the others are compared with."""
    stage.await_progress()
    stage.await_progress()
    stage.await_progress()


def killed(stage: Stage) -> None:
    for _ in range(3):
        fault = stage.fault("SIGKILL")
        stage.kill(stage.dice.choice(stage.workers))
        stage.start_worker()
        stage.await_progress(fault)


SCENARIOS = (
    Scenario(name="quiet", says="Nothing happens.", inject=quiet, seconds=12, ci=True),
    Scenario(
        name="killed",
        says="A worker is killed under load and replaced, three times.",
        inject=killed,
        seconds=40,
        ci=True,
        mixes=True,
    ),
)
