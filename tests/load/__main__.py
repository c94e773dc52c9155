"""`make load`: backlogs, floods and a restart on Apache Kafka; writes build/load.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.benchmarks.results import BUILD, Row, write
from tests.load import backlog, flood, restart


def main() -> None:
    """Measure what is asked for, and tell."""
    parser = argparse.ArgumentParser(prog="tests.load", description=__doc__)
    parser.add_argument("--events", type=int, default=backlog.REDUCED, help="of the backlog")
    parser.add_argument("--full", action="store_true", help=f"{backlog.FULL:,} events")
    parser.add_argument("--behind", type=float, default=0.0, help="share in partition 0 alone")
    parser.add_argument("--rounds", type=int, default=3)
    loads: dict[str, Callable[[], list[Row]]] = {
        "restart": lambda: restart.rows(asked.rounds),
        "flood": lambda: flood.rows(asked.rounds),
        "backlog": lambda: backlog.rows(backlog.FULL if asked.full else asked.events, asked.behind),
    }
    parser.add_argument("--only", nargs="+", choices=loads, default=list(loads))
    asked = parser.parse_args()
    missed = 0
    for name in asked.only:
        found = loads[name]()
        write(found, BUILD / "load.json", part=name)
        missed += sum(not row.holds for row in found)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
