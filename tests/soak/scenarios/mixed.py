"""The random schedule: faults of the list drawn by dice, one after the other on one long run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from tests.soak.facts import Scenario
from tests.soak.stage import Stage

PREFIX = "random-"
PAUSE_S = (0.0, 3.0)


def mixed(among: Sequence[Scenario], count: int) -> Scenario:
    """A scenario that draws so many others from those that can be mixed."""
    drawn = [scenario for scenario in among if scenario.mixes]
    return Scenario(
        name=f"{PREFIX}{count}",
        says=f"{count} faults, drawn among {len(drawn)}, come at random times.",
        inject=partial(_play, drawn, count),
        seconds=25.0 * count,
    )


def _play(drawn: Sequence[Scenario], count: int, stage: Stage) -> None:
    for _ in range(count):
        stage.dice.choice(drawn).inject(stage)
        stage.until_s(time.monotonic() + stage.dice.uniform(*PAUSE_S))
