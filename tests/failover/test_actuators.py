"""Two actuators in a group: one is killed between two steps, the other goes on where it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.failover.rollouts import Stage, check, play, staged

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

POINTS = ("up/1/intent:after", "up/3/apply:after", "down/2/decide:after", "down/2/apply:before")
"""Of all that `python -m tests.failover` walks: nothing is known of the write; it is done and not
told; the decision is known and nothing else; told and not done."""


def test_killed_between_two_steps(kafka: str, prefix: str, tmp_path: Path) -> None:
    """Each decision is applied once and in order, the share is the last decision's."""

    def run(point: str) -> None:
        def killed(stage: Stage) -> None:
            assert play(stage, f"{point}:SIGKILL"), f"{point} was not reached"
            check(stage)

        name = point.translate(str.maketrans("/:", "--"))
        staged(kafka, f"{prefix}{name}-", tmp_path / name, killed)

    with ThreadPoolExecutor(len(POINTS)) as lanes:
        list(lanes.map(run, POINTS))
