"""What became of each record of a batch, in a form that can be compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streams.wire.codec import Codec
from streams.wire.columns import Coded, LlmColumns, PredictionColumns, decode_predictions
from streams.wire.store import SchemaStore

DIMENSIONS = ("country", "city", "a", "")
LLM = ("ttft_ms", "tpot_ms", "tokens_in", "tokens_out", "judge_score", "given", "refused")


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
    coded = (columns.service, columns.version, columns.predicted_class)
    names = [names_of(c) for c in (*coded, *map(columns.segment, DIMENSIONS))]
    llm = columns.llm or no_llm(len(columns.row))
    numbers = (
        *(columns.event_ms, columns.latency_ms, columns.status, columns.score, columns.confidence),
        *(columns.request_hash, columns.unit_hash, columns.unit_given),
        *(getattr(llm, name) for name in LLM),
    )
    for i, row in enumerate(columns.row.tolist()):
        assert row not in found
        found[row] = (
            *(repr(column[i].item()) for column in numbers),
            *(column[i] for column in names),
            columns.request_ids[i].as_py(),
        )
    for refused in columns.rejected:
        assert refused.row not in found
        found[refused.row] = (refused.reason, refused.detail)
    assert columns.row.tolist() == sorted(columns.row.tolist())
    return [found.pop(row) for row in range(count)]


def counted(columns: PredictionColumns) -> tuple[int, int]:
    """Values that made no sense in predictions that do."""
    return columns.invalid_shares, columns.invalid_scores


def no_llm(count: int) -> LlmColumns:
    """What a batch without generative models says of them."""
    absent = dict.fromkeys(LLM[:-2], np.full(count, np.nan))
    return LlmColumns(
        given=np.zeros(count, np.bool_), **absent, refused=np.full(count, -1, np.int8), invalid=0
    )


def names_of(column: Coded) -> list[str | None]:
    """The strings of a coded column."""
    return [None if code < 0 else column.names[code] for code in column.codes.tolist()]
