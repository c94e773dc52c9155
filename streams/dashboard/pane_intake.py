"""How do fetched records of `panes` come into the books? Whole batches, decoded to columns.

What most records begin with is read once (`streams/wire/preamble.py`); of progress only the last
word counts; what nobody sees here is not decoded at all. A record that is no usual one is read by
itself, strictly, and becomes the same facts.
"""

from __future__ import annotations

from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pane_work import NAMESPACE, NEEDED, Fetched, Odd, Work
from streams.wire.codec import Codec
from streams.wire.preamble import Layouts, Preambles


class PaneIntake:
    """Takes what was fetched into books. For one thread."""

    def __init__(self, codec: Codec, books: PaneBooks) -> None:
        self._books = books
        self._preambles = Preambles(codec)
        self._layouts = Layouts({name.removeprefix(NAMESPACE): of for name, of in NEEDED.items()})

    def take(self, fetched: Fetched, odd: Odd) -> None:
        """Take records in."""
        work = Work(fetched=fetched, odd=odd)
        alone = []
        for place, value in enumerate(fetched.values):
            told = self._preambles.of(value)
            if told is None or not work.sort(place, told):
                alone.append(place)
        for begun in work.plain.values():
            alone += work.decode(begun, self._layouts)
        for place in sorted(alone):
            work.read(place)
        for places in work.progress.values():
            work.last_word(places)
        for place, error in self._books.take(work.batch()):
            odd.skip(place, error)
