"""`make statistics`: every bar of the statistics at 10^4 streams, as a table and as a page."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from tests.statistics.facts import STREAMS, Figure
from tests.statistics.page import write_page
from tests.statistics.runner import Done, chosen, kept, read, run_all, write_results


def main() -> int:
    """Run, print, write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.statistics", description=__doc__)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--only", default="", help="tasks whose name matches; keeps the others")
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    asked = parser.parse_args()
    before = read() if asked.only or asked.page else {}
    fresh = [] if asked.page else list(told(run_all(chosen(asked.only), asked.streams)))
    found = kept(before, fresh)
    figures = [figure for done in found.values() for figure in done.result.figures]
    write_results(found.values())
    write_page(list(found.values()))
    print_table(figures)
    return 0 if all(figure.holds for figure in figures) else 1


def told(finished: Iterable[Done]) -> Iterator[Done]:
    """Say which task ended when."""
    start = time.monotonic()
    for done in finished:
        print(f"{time.monotonic() - start:7.0f} s  {done.task} ({done.seconds:.0f} s of CPU)")
        sys.stdout.flush()
        yield done


def print_table(figures: Sequence[Figure]) -> None:
    """One line per figure."""
    for each in figures:
        mark = "holds" if each.holds else "MISSED"
        sign = ">=" if each.better == "higher" else "<="
        low, high = each.reference or (each.value, each.value)
        far = "" if low <= each.value <= high else f"  (reference {low:g} to {high:g})"
        print(f"{mark:<7}{each.name:<78} {each.value:>12,.4g} {sign} {each.must:<10,.4g}{far}")


if __name__ == "__main__":
    sys.exit(main())
