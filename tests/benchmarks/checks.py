"""Did they all do the whole job? What was counted, and when verdicts came."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from streams.panes.facts import cells_from_states
from streams.sketches.cell import Cell
from tests.benchmarks.events import Facts, Key

Tallies = dict[str, dict[str, Any]]
"""By arm what was counted: exposures, errors, classes, latency."""
VERDICTS = 0.5
"""Of one each second so many must be there."""
LONGEST = 0.25
"""No longer part of the time, or than `PAUSE_S`, may be without one."""
PAUSE_S = 3.0


def asked_of(facts: Facts, lacks: frozenset[str]) -> Tallies:
    """What a peer must have counted that does not count what it lacks."""
    return {
        arm: {what: count for what, count in told.items() if what not in lacks}
        for arm, told in facts.tallies().items()
    }


def check_panes(facts: Facts, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Every pane holds exactly what was published into it: counts, buckets, classes, scores.

    Requests and errors are compared with those asked of peers too, which no sketch has counted.
    """
    found = defaultdict[Key, Cell](Cell)
    for body in bodies:
        for (_, arm), cell in cells_from_states(body["cells"]).items():
            found[body["pane"], arm].merge(cell)
    asked = facts.cells()
    wrong = [key for key in asked | found if asked.get(key) != found.get(key)]
    assert not wrong, f"not what was published: {sorted(wrong)[:3]} and {len(wrong)} panes in all"
    for arm, told in facts.tallies().items():
        mine = [cell for (_, who), cell in found.items() if who == arm]
        found_of = sum(each.exposures for each in mine), sum(each.errors for each in mine)
        assert found_of == (told["exposures"], told["errors"]), f"{arm}: {found_of} in all"


def check_verdicts(at_s: Iterable[float], began_s: float, ended_s: float) -> None:
    """They came all the time while it was measured, epoch seconds, and not all at once."""
    within = sorted(at for at in at_s if began_s <= at <= ended_s)
    seconds = ended_s - began_s
    assert len(within) >= VERDICTS * seconds, f"{len(within)} verdicts in {seconds:.0f} s"
    pauses = [b - a for a, b in itertools.pairwise([began_s, *within, ended_s])]
    longest = max(PAUSE_S, LONGEST * seconds)
    assert max(pauses) <= longest, f"no verdict for {max(pauses):.1f} s of {seconds:.0f}"
