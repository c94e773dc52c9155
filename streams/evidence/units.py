"""What is counted where requests of one user fail together? The user, whose first error counts.

Requests of a user are not independent; taken as such, false rollbacks rise with what his errors
have in common. A unit is exposed while it has not erred, and errs once, so the rate is that of
first errors among the units at risk: its ratio lies nearer to 1 than that of requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitCounts:
    """A batch of one arm, counted in units."""

    exposures: int
    """Distinct units at risk: in the batch, without an error before it."""
    events: int
    """Units among them that err in the batch."""
    seen: Ints
    """Units that have erred by now, ascending, without repeats; goes into the next batch."""


def first_errors(units: ArrayLike, errors: ArrayLike, seen: ArrayLike) -> UnitCounts:
    """Count a batch of requests by unit: ids int64[n], errors bool[n], ids `seen` before.

    A batch is a pane (or a stratum): exposures and events of its arm go into `rates`. Order and
    repeats of requests within the batch do not matter.

    >>> batch = first_errors([7, 7, 8, 9], [True, True, False, True], seen=[9])
    >>> batch.exposures, batch.events, batch.seen.tolist()
    (2, 1, [7, 9])
    """
    ids, failed = np.asarray(units, np.int64), np.asarray(errors, np.bool_)
    if ids.shape != failed.shape:
        raise ValueError(f"units and errors differ in shape: {ids.shape} and {failed.shape}")
    before: Ints = np.unique(np.asarray(seen, np.int64))
    at_risk: Bools = ~np.isin(ids, before)
    erred = np.unique(ids[at_risk & failed])
    return UnitCounts(
        exposures=int(np.unique(ids[at_risk]).size),
        events=int(erred.size),
        seen=np.union1d(before, erred),
    )
