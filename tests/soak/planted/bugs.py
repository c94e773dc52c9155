"""Bugs that the oracle must find. Each takes the place of a part of davy before davy runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from streams.actuator import actor
from streams.agents.records import Records
from streams.agents.sketch_owner import SketchOwner
from streams.agents.writer import TransactionalWriter
from streams.panes import fold
from tests.soak.planted.marks import MARK, NEW, OLD


def skip_one() -> None:
    """A marked event is passed over as if it were not in its batch."""
    fold_batch = SketchOwner._fold_batch

    def skipping(self: Any, fold: Any, batch: Any) -> None:
        kept = [record for record in batch.records if not is_marked(record)]
        fold_batch(self, fold, replace(batch, records=Records(kept)))

    SketchOwner._fold_batch = skipping  # type: ignore[method-assign]


def count_twice() -> None:
    """A marked event is added to its pane twice."""
    add = fold.add_to_cells

    def adding(
        panes: Any, targets: Any, columns: Any, chosen: Any, arms: Any, pane_ms: int
    ) -> set[Any]:
        ids = columns.request_ids
        twice = [at for at, row in enumerate(chosen) if str(ids[int(row)]).startswith(MARK)]
        chosen, arms = (np.append(each, each[twice]) for each in (chosen, arms))
        return add(panes, targets, columns, chosen, arms, pane_ms)

    fold.add_to_cells = adding


def drop_snapshot() -> None:
    """No open pane is ever written to `cells`: whoever comes after knows nothing of it."""
    write = TransactionalWriter.write

    async def dropping(self: Any, first: Sequence[Any], last: Sequence[Any] = ()) -> None:
        kept = [r for r in first if r.value is None or "/open/" not in str(r.key)]
        await write(self, kept, last)

    TransactionalWriter.write = dropping  # type: ignore[method-assign]


def apply_old() -> None:
    """An actuator takes an old decision for the newest one, once."""
    take = actor.take_decision
    known: dict[int, Any] = {}

    def taking(now: Any, decision: Any) -> Any:
        known.setdefault(decision.seq, decision)
        if decision.seq == NEW and OLD in known:
            return take(replace(now, accepted=None, link=None), known[OLD])
        return take(now, decision)

    actor.take_decision = taking


def is_marked(record: Any) -> bool:
    """Whether a consumed record is one that a bug looks for."""
    return (record.key or b"").startswith(MARK.encode())
