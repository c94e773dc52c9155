"""Which outcomes look for their exposure? Columns in log order, of a batch or still waiting."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streams.panes.join.answers import tags
from streams.panes.join.facts import Hashes, Ints, Outcomes
from streams.panes.join.runs import Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Outcomes by what the join needs of them."""

    hashes: Hashes
    tag: Answers
    occurred_ms: Ints
    metric: Ints
    said: Hashes
    row: Ints
    """In the batch; -1 for one that waits."""

    @classmethod
    def of(cls, outcomes: Outcomes) -> Self:
        """A batch."""
        return cls(
            hashes=outcomes.request_hash,
            tag=tags(outcomes.outcome_hash, outcomes.said),
            occurred_ms=outcomes.occurred_ms,
            metric=outcomes.metric,
            said=outcomes.said,
            row=np.arange(outcomes.request_hash.size),
        )

    @classmethod
    def none(cls) -> Self:
        """No outcome."""
        return cls.from_table(np.empty((0, 5), np.int64))

    @property
    def size(self) -> int:
        """How many."""
        return self.hashes.size

    @property
    def nbytes(self) -> int:
        """Memory of all columns."""
        return sum(getattr(self, each.name).nbytes for each in fields(self))

    def chosen(self, which: NDArray[np.bool_] | Ints) -> Self:
        """Some of them."""
        return type(self)(**{each.name: getattr(self, each.name)[which] for each in fields(self)})

    def waiting(self, more: Self) -> Self:
        """These and then others, all without a batch."""
        return self.from_table(np.concatenate([self.table(), more.table()]))

    def table(self) -> Ints:
        """int64[rows, 5]: what must be stored of those that wait."""
        columns = (self.hashes.view(np.int64), self.tag, self.occurred_ms, self.metric,
                   self.said.view(np.int64))  # fmt: skip
        return np.stack([column.astype(np.int64) for column in columns], axis=1)

    @classmethod
    def from_table(cls, table: Ints) -> Self:
        """Read what `table` wrote."""
        hashes, tag, occurred_ms, metric, said = (np.ascontiguousarray(c) for c in table.T)
        return cls(
            hashes=hashes.view(np.uint64),
            tag=tag.astype(np.uint16),
            occurred_ms=occurred_ms,
            metric=metric,
            said=said.view(np.uint64),
            row=np.full(hashes.size, -1),
        )
