"""`make failover`: kills an actuator and a judge between any two steps of what they do.

A first run without a kill tells the steps; then one run for each place between two of them, with
processes, topics and targets of its own. Ends with 1 if a run did not end as it must, or if no
process was killed at all.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.rigs import kafka
from infra.rigs.cache import Absent
from tests.failover import judges, rollouts
from tests.failover.steps import Point, points

GOOD, BAD = 0.01, 0.5
"""Error rates of candidates that are promoted, and taken back."""
COURSES = ("actuators", "promotion", "rollback")
BUILD = Path(__file__).parents[2] / "build"

Play = Callable[[str, Path, str], bool]
"""Topic prefix, folder, where to end; whether the process got there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a kill at one place."""

    course: str
    point: str | None
    """Where was killed; None: nowhere."""
    reached: bool
    seconds: float
    error: str


def courses(bootstrap: str) -> dict[str, Play]:
    """What is played, by name."""

    def moved(prefix: str, folder: Path, end: str) -> bool:
        def run(stage: rollouts.Stage) -> bool:
            reached = rollouts.play(stage, end)
            rollouts.check(stage)
            return reached

        return bool(rollouts.staged(bootstrap, prefix, folder, run))

    def judged(error_rate: float) -> Play:
        def play(prefix: str, folder: Path, end: str) -> bool:
            folder.mkdir(parents=True, exist_ok=True)
            return judges.staged(bootstrap, prefix, folder, end, error_rate)

        return play

    return dict(zip(COURSES, (moved, judged(GOOD), judged(BAD)), strict=True))


def played(course: str, play: Play, folder: Path, point: Point | None) -> Run:
    """One run, killed at a place or nowhere."""
    begun = time.monotonic()
    end, error, reached = f"{point}:SIGKILL" if point else "", "", False
    try:
        reached = play(f"t{uuid.uuid4().hex[:10]}-", folder, end)
    except Exception as failure:  # noqa: BLE001 - told in the table
        error = repr(failure)
    seconds = round(time.monotonic() - begun, 1)
    name = None if point is None else str(point)
    return Run(course=course, point=name, reached=reached, seconds=seconds, error=error)


def walk(course: str, play: Play, folder: Path, *, lanes: int, every: int) -> list[Run]:
    """A run for each place that a run without a kill passes."""
    whole = played(course, play, folder / "whole", None)
    print(course, "without a kill:", whole.error or f"{whole.seconds} s", flush=True)
    if whole.error:
        return [whole]
    places = points(folder / "whole" / "trace.jsonl")[::every]

    def one(numbered: tuple[int, Point]) -> Run:
        number, point = numbered
        run = played(course, play, folder / str(number), point)
        word = run.error or ("ok" if run.reached else "ok, not reached")
        print(f"{course} {point} {run.seconds} s: {word}", flush=True)
        return run

    with ThreadPoolExecutor(lanes) as pool:
        return [whole, *pool.map(one, enumerate(places))]


def main() -> None:
    """Walk, write `build/failover.json`, and say how it went by the exit code."""
    given = _arguments()
    try:
        runs = _walked(given)
    except Absent as absent:
        sys.exit(f"make failover: {absent}")
    BUILD.mkdir(exist_ok=True)
    told = [{field: getattr(run, field) for field in Run.__slots__} for run in runs]
    (BUILD / "failover.json").write_text(json.dumps(told, indent=2) + "\n")
    failed = [run for run in runs if run.error]
    reached = sum(run.reached for run in runs)
    print(f"{len(runs)} runs, {reached} killed where they were to be, {len(failed)} failed")
    sys.exit(bool(failed) or not reached)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.failover", description=__doc__)
    parser.add_argument(
        "--course",
        choices=COURSES,
        action="append",
        help="only this one: two actuators and two rollouts, or a judge that promotes or rolls "
        "back; may be given again",
    )
    parser.add_argument("--lanes", type=int, default=4, help="how many runs at a time")
    parser.add_argument("--every", type=int, default=1, help="only every so many places")
    return parser.parse_args()


def _walked(given: argparse.Namespace) -> list[Run]:
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as name:
        broker = kafka.start(Path(name) / "kafka")
        with broker.part:
            known = courses(broker.bootstrap)
            for course in given.course or COURSES:
                folder = Path(name) / course
                runs += walk(course, known[course], folder, lanes=given.lanes, every=given.every)
    return runs


if __name__ == "__main__":
    main()
