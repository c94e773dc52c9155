"""Which simulations are run, and how are their figures kept? Two processes, longest first."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.stamp import Stamp, stamp
from tests.statistics import (
    delay,
    divergence,
    drift,
    false_promotion,
    false_rollback,
    kayenta,
    labels,
    latency,
    means,
    published,
    sample_ratio,
    segments,
    sketch,
)
from tests.statistics.facts import Figure, Result, Series, Task

ROOMS = (
    false_rollback,
    segments,
    false_promotion,
    latency,
    drift,
    delay,
    kayenta,
    divergence,
    sample_ratio,
    labels,
    sketch,
    means,
    published,
)
PROCESSES = 2
BUILD = Path("build")
RESULTS = BUILD / "statistics.json"
PARTS = BUILD / "statistics-parts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished task."""

    task: str
    seconds: float
    result: Result
    stamp: Stamp
    """When it was run; empty where what was kept does not say."""


def tasks() -> tuple[Task, ...]:
    """All of them, in the order of the bars."""
    return tuple(task for room in ROOMS for task in room.TASKS)


def chosen(pattern: str) -> tuple[Task, ...]:
    """Those whose name matches."""
    return tuple(task for task in tasks() if re.search(pattern, task.name))


def _timed(task: Task, streams: int) -> Done:
    start = time.process_time()
    result = task.run(streams)
    seconds = time.process_time() - start
    return Done(task=task.name, seconds=seconds, result=result, stamp=stamp())


def run_all(wanted: Sequence[Task], streams: int) -> Iterator[Done]:
    """Run tasks side by side; yields them as they finish."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        longest_first = sorted(wanted, key=lambda task: -task.weight)
        for future in as_completed([pool.submit(_timed, task, streams) for task in longest_first]):
            yield future.result()


def kept(before: Mapping[str, Done], fresh: Iterable[Done], path: Path = PARTS) -> dict[str, Done]:
    """Merge what was run now into what was run before, in the order of the bars; write it."""
    found = dict(before) | {each.task: each for each in fresh}
    ordered = {task.name: found[task.name] for task in tasks() if task.name in found}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(each) for each in ordered.values()]))
    return ordered


def read(path: Path = PARTS) -> dict[str, Done]:
    """What was kept."""
    if not path.exists():
        return {}
    return {each["task"]: _done(each) for each in json.loads(path.read_text())}


def _done(each: dict[str, Any]) -> Done:
    figures = tuple(Figure(**_tuples(figure)) for figure in each["result"]["figures"])
    series = tuple(
        Series(**line | {"points": tuple(map(tuple, line["points"]))})
        for line in each["result"]["series"]
    )
    result = Result(figures=figures, series=series)
    when = Stamp(**each.get("stamp", {}))
    return Done(task=each["task"], seconds=each["seconds"], result=result, stamp=when)


def _tuples(figure: dict[str, Any]) -> dict[str, Any]:
    pairs = ("band", "reference")
    return {key: tuple(v) if key in pairs and v else v for key, v in figure.items()}


def write_results(found: Iterable[Done], path: Path = RESULTS) -> None:
    """`build/statistics.json`: one row per figure: its name, whether its bar holds, and when."""
    rows = [
        asdict(each) | {"name": each.name, "holds": each.holds} | asdict(done.stamp)
        for done in found
        for each in done.result.figures
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows, indent=2))
