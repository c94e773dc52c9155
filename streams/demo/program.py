"""What does `python -m streams.demo` do? The whole of davy on this machine, in two minutes.

Exit code: 0 if both rollouts ended as they had to, 1 if not, 2 if a part failed, 130 or 143 on
Ctrl-C or SIGTERM before all was told.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType

from rich.console import Console

from streams.demo import scene, stay, story, summary
from streams.demo.faults import Fault
from streams.demo.table import show_on
from streams.errors import DavyError

FAULTS = [fault.value for fault in Fault if fault is not Fault.NONE]
STAYS = "the page stays at"


class Stopped(BaseException):
    """A signal asked us to end; no `except Exception` on the way may hold it up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run() -> int:
    """Run the demo; the exit code."""
    args = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    scene.forget_environment()
    console = Console()
    try:
        told = story.tell(
            (args.build / "demo").resolve(),
            broker=args.broker,
            router=args.router,
            fault=Fault(args.fault),
            show=show_on(console),
            end=partial(_end, args, console),
            looked_at=args.dashboard == "1",
        )
    except Stopped as stopped:
        console.print(f"stopped by {signal.Signals(stopped.number).name}; nothing runs any more")
        return 128 + stopped.number
    except DavyError as error:
        console.print(f"the demo failed: {error}", style="red", markup=False, highlight=False)
        return 2
    return 0 if told.ok else 1


def _end(args: argparse.Namespace, console: Console, told: summary.Summary, page: str) -> None:
    """Write down and tell what came of it, then leave the page to its reader.

    A signal only ends his reading: how the demo ends was decided before.
    """
    # The newest result, and the newest of each fault for the README's table.
    kept = args.fault if args.router == "envoy" else f"{args.router}-{args.fault}"
    for name in ("demo", f"demo-{kept}"):
        summary.write(told, args.build / f"{name}.json")
    for line in summary.lines(told):
        console.print(line, highlight=False, soft_wrap=True)
    if page and stay.wanted(said=args.stay):
        with contextlib.suppress(Stopped):
            console.print(f"{STAYS} {page} until Enter or Ctrl-C", soft_wrap=True)
            stay.until_enter(sys.stdin)


def _stop(number: int, _: FrameType | None) -> None:
    """The first signal ends the demo; later ones must not break its cleaning up."""
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise Stopped(number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streams.demo", description=__doc__)
    parser.add_argument("--fault", choices=FAULTS, default=Fault.ERRORS.value)
    parser.add_argument("--broker", choices=("tansu", "kafka"), default="tansu")
    parser.add_argument("--router", choices=tuple(scene.FRONTS), default="envoy")
    parser.add_argument("--dashboard", choices=("0", "1"), default="0", help="1: a page beside it")
    parser.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        help="let the page stay when all is told, until Enter or Ctrl-C; on a terminal it does",
    )
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for results")
    args = parser.parse_args()
    if args.stay and args.dashboard == "0":
        parser.error("--stay: there is no page that could stay; add --dashboard 1")
    return args
