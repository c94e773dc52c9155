"""`python -m tests.soak`: davy on real Apache Kafka, under fire, with an oracle that counts again.

Exit code 0 only if every bar of every scenario holds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from rich.console import Console

from streams.demo.scene import forget_environment
from tests.soak import report as reports
from tests.soak.facts import Need, Report, Scenario
from tests.soak.lane import Turn, leave, run_lane
from tests.soak.scenarios import SCENARIOS, by_name
from tests.soak.scenarios.mixed import PREFIX
from tests.soak.scenarios.planted import SCENARIOS as PLANTED

LIVENESS_S = 1.0
LEAVE_S = 30.0
MEMORY = Path("/proc/meminfo")
LANE_KIB = 4 << 20
"""What three brokers, four workers and the rest of a lane take, with room to spare."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was asked for; the exit code."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 180)
    if asked.list:
        reports.show_names((*SCENARIOS, *PLANTED), console)
        return 0
    try:
        todo = turns(asked)
    except KeyError as unknown:
        parser.error(unknown.args[0])
    asked.brokers = asked.brokers or brokers(asked.lanes)
    signal.signal(signal.SIGTERM, leave)
    forget_environment()
    for old in asked.folder.resolve().glob("lane-*"):
        shutil.rmtree(old)
    try:
        return _played(todo, asked, console)
    except reports.OtherVersionsError as other:
        parser.error(str(other))


def _played(todo: Sequence[Turn], asked: argparse.Namespace, console: Console) -> int:
    """Play all turns and tell of them, written anew after each; the exit code."""
    told, seconds = reports.read(asked.out) if asked.go_on else ([], 0.0)
    began = time.monotonic() - seconds
    played = {(report.scenario, report.seed) for report in told}
    left = [turn for turn in todo if (turn.scenario, turn.seed) not in played]
    given = {name: str(value) for name, value in vars(asked).items()}
    for fresh in chain([[]], ([report] for report in play(left, asked, console))):
        told = sorted([*told, *fresh], key=lambda report: (report.round, report.scenario))
        missing, seconds = len(todo) - len(told), time.monotonic() - began
        reports.write(told, asked.out, asked=given, seconds=seconds, missing=missing)
    reports.show(told, console)
    console.print(f"{reports.summed_up(told, missing)} in {seconds:.0f} s; {asked.out}")
    return 0 if reports.all_well(told, missing) else 1


def brokers(lanes: int) -> int:
    """How many a lane has: three where memory allows, else one."""
    told = MEMORY.read_text() if MEMORY.exists() else ""
    have = [line.split()[1] for line in told.splitlines() if line.startswith("MemAvailable")]
    return 3 if have and int(have[0]) >= lanes * LANE_KIB else 1


def turns(asked: argparse.Namespace) -> list[Turn]:
    """What is played, in order: long ones first."""
    chosen = sorted(_chosen(asked), key=lambda each: -each.seconds)
    return [
        Turn(scenario=scenario.name, seed=asked.seed + number - 1, round=number)
        for number in range(1, asked.rounds + 1)
        for scenario in chosen
    ]


def _chosen(asked: argparse.Namespace) -> Sequence[Scenario]:
    if asked.only:
        return [by_name(name) for name in asked.only]
    if asked.random:
        return [by_name(f"{PREFIX}{asked.random}")]
    if asked.planted:
        return PLANTED
    return [scenario for scenario in SCENARIOS if scenario.ci or not asked.ci]


def play(todo: Sequence[Turn], asked: argparse.Namespace, console: Console) -> Iterator[Report]:
    """Play all turns over the lanes; each report as it comes.

    Three brokers that are broken want two cores: the first lane alone plays what needs them.
    """
    context = multiprocessing.get_context("spawn")
    breaking, plain, told = (context.Queue() for _ in range(3))
    for turn in todo:
        (breaking if Need.CLUSTER in by_name(turn.scenario).needs else plain).put(turn)
    folder = asked.folder.resolve()
    lanes = [
        context.Process(target=run_lane, args=(number, folder, asked.brokers, queues, told))
        for number, queues in enumerate(((breaking, plain), *[(plain,)] * (asked.lanes - 1)), 1)
    ]
    for lane in lanes:
        lane.start()
    try:
        for _ in todo:
            report = _next(told, lanes)
            if report is None:
                console.print("a lane has ended before its time", style="bold red")
                return
            reports.tell(report, console)
            yield report
    finally:
        for lane in lanes:
            lane.join(LEAVE_S if breaking.empty() and plain.empty() else 0.0)
            lane.terminate()
            lane.join(LEAVE_S)


def _next(
    told: multiprocessing.Queue[Report], lanes: Sequence[multiprocessing.Process]
) -> Report | None:
    """The next report; None where no lane is left that could give one."""
    while True:
        try:
            return told.get(timeout=LIVENESS_S)
        except multiprocessing.queues.Empty:
            if not any(lane.is_alive() for lane in lanes):
                return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--only", nargs="+", metavar="NAME", help="these scenarios")
    what.add_argument("--ci", action="store_true", help="the subset that CI plays")
    what.add_argument(
        "--planted",
        action="store_true",
        help="davy with one planted bug each: the oracle must catch every one",
    )
    what.add_argument(
        "--random", type=int, metavar="N", help="one long run of N faults, drawn by the seed"
    )
    what.add_argument("--list", action="store_true", help="tell all scenarios, and play none")
    parser.add_argument("--rounds", type=int, default=1, help="play everything so many times")
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        help="of the first round, for all that is drawn; each further round takes the next one",
    )
    parser.add_argument("--lanes", type=int, default=1, help="how many scenarios at a time")
    parser.add_argument(
        "--brokers",
        type=int,
        choices=(1, 3),
        help="of each lane (default: 3 with 4 GiB free a lane, else 1); scenarios that break "
        "networks or leaders always have 3",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("build/soak"), help="for logs, in place of the last"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/soak.json"), help="where the report goes"
    )
    parser.add_argument(
        "--go-on",
        action="store_true",
        help="play only what the report at --out has not told of; of the same commit only",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
