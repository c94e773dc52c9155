"""What became of each record of a batch, in a form that can be compared."""

from collections.abc import Sequence
from typing import Any

from streams.wire.codec import Codec
from streams.wire.columns import Coded, PredictionColumns, decode_predictions
from streams.wire.store import SchemaStore


class FastavroOnly(Codec):
    """A codec whose predictions never take the fast path: the reference."""

    def reader(self, topic: str, schema_id: int) -> Any:
        reader = super().reader(topic, schema_id)
        reader.__dict__["layout"] = None
        return reader


def reference(values: Sequence[bytes | None], store: SchemaStore) -> list[Any]:
    """Each record alone, by fastavro."""
    codec = FastavroOnly(store)
    return [outcomes(decode_predictions([value], codec), 1)[0] for value in values]


def outcomes(columns: PredictionColumns, count: int) -> list[Any]:
    """Per record: its values, or its reason and detail. Fails unless each row comes once."""
    found: dict[int, Any] = {}
    names = [_names(c) for c in (columns.service, columns.version, columns.predicted_class)]
    for i, row in enumerate(columns.row.tolist()):
        assert row not in found
        numbers = (columns.event_ms, columns.latency_ms, columns.status, columns.score)
        found[row] = (
            *(repr(column[i].item()) for column in numbers),
            *(column[i] for column in names),
            int(columns.request_hash[i]),
            columns.request_ids[i].as_py(),
        )
    for refused in columns.rejected:
        assert refused.row not in found
        found[refused.row] = (refused.reason, refused.detail)
    assert columns.row.tolist() == sorted(columns.row.tolist())
    return [found.pop(row) for row in range(count)]


def _names(column: Coded) -> list[str | None]:
    return [None if code < 0 else column.names[code] for code in column.codes.tolist()]
