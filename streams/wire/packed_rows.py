"""How do packs become rows, and which of them have to be read value by value?

A pack is taken whole or not at all: one record in it that is not as all others are, or not what
it says, and each of its values is read as if there were no packs. So no outcome depends on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from streams.wire.codec import Codec
from streams.wire.layout import Layout
from streams.wire.packs import Form, Pack, Unpacked, form_of, unpacked
from streams.wire.raw_rows import CHUNK_BYTES, RawRows
from streams.wire.reasons import BadRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRows:
    """All rows of some packs."""

    packs: tuple[int, ...]
    """Rows at which they begin."""
    rows: RawRows


def decoded_packs(
    topic: str, packs: Mapping[int, Pack], codec: Codec, max_event_bytes: int
) -> list[PackedRows]:
    """What can be decoded of packs at once; `packs` by the row at which each begins.

    Raises:
        RegistryError: a schema id could not be looked up; try the whole batch again.
    """
    forms: defaultdict[Form, dict[int, Pack]] = defaultdict(dict)
    for row, pack in packs.items():
        form = form_of(pack, max_event_bytes)
        if form is not None:
            forms[form][row] = pack
    found: list[PackedRows] = []
    for form, alike in forms.items():
        layout = _layout(topic, form, codec)
        if layout is not None and sum(len(pack.payload) for pack in alike.values()) < CHUNK_BYTES:
            found += _decoded(alike, form, layout, max_event_bytes)
    return found


def _layout(topic: str, form: Form, codec: Codec) -> Layout | None:
    try:
        return codec.reader(topic, form.schema_id).layout
    except BadRecord:
        return None  # whoever reads the values one by one finds the same, and tells


def _decoded(
    packs: Mapping[int, Pack], form: Form, layout: Layout, max_event_bytes: int
) -> Iterator[PackedRows]:
    """All together; where some of them spoil that, each alone."""
    try:
        yield from _trusted(packs, unpacked([*packs.values()], form, layout, max_event_bytes))
    except ValueError:
        if len(packs) > 1:
            for row, pack in packs.items():
                yield from _decoded({row: pack}, form, layout, max_event_bytes)


def _trusted(packs: Mapping[int, Pack], found: Unpacked) -> Iterator[PackedRows]:
    """Rows of the packs in which each record was read as it was written."""
    if not found.trusted.any():
        return
    counts = np.fromiter(map(len, packs.values()), np.int64, len(packs))
    begins = np.fromiter(packs, np.int64, len(packs))
    first = np.cumsum(counts) - counts
    rows = np.arange(counts.sum()) + np.repeat(begins - first, counts)
    raw = RawRows(row=rows, held=found.held).chosen(np.repeat(found.trusted, counts))
    yield PackedRows(packs=tuple(begins[found.trusted].tolist()), rows=raw)
