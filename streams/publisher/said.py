"""What class and score does a model's output name? Read from plain values, and never guessed.

Bodies are those of KServe's V1 protocol and of the Open Inference Protocol (V2); rows are what a
pyfunc model returns. Whatever is not clearly a class or a share is left out: an answer without a
class is counted, one with a wrong class is judged.
https://kserve.github.io/website/docs/concepts/architecture/data-plane
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from streams.publisher.drafts import MAX_TEXT

CLASS_KEYS = ("predicted_class", "class", "label")
SCORE_KEYS = ("score", "probability", "confidence")
WHOLE = frozenset(
    {"BOOL", "BYTES", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"}
)
REAL = frozenset({"FP16", "FP32", "FP64", "BF16"})
SUM_TOLERANCE = 1e-3
"""By how much probabilities may miss 1: those of half precision do."""
MAX_CLASSES = 10_000
"""More numbers than that in one answer are no probabilities of classes, and take time to read."""
WIDEST_INTEGER = 2**64
MAX_SIZES = 8
MAX_SIZE = 2**31
"""A tensor's dimensions; beyond, their product alone would take long."""


class Said(NamedTuple):
    """What one answer says of its input; None where it says nothing."""

    predicted_class: str | None = None
    score: float | None = None


NOTHING = Said()


def said_of_body(body: bytes) -> Said | None:
    """What a response's JSON says; None where it is no V1 or V2 response.

    Several rows in one response are one request, and no class is theirs: it says nothing.

    >>> said_of_body(b'{"predictions": [7]}')
    Said(predicted_class='7', score=None)
    """
    try:
        whole = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if not isinstance(whole, dict):
        return None
    if isinstance(outputs := whole.get("outputs"), list):
        return said_of_outputs(outputs)
    if isinstance(rows := whole.get("predictions"), list):
        return said_of_rows(rows)
    return None


def said_of_rows(rows: Sequence[object]) -> Said:
    """What rows of output say, one for each row of input: something if there is one."""
    return said_of_row(rows[0]) if len(rows) == 1 else NOTHING


def said_of_row(row: object) -> Said:
    """A class (text, whole number), a score in [0, 1], probabilities, or a mapping of names.

    >>> said_of_row([0.125, 0.875])
    Said(predicted_class='1', score=0.875)
    """
    while isinstance(row, list) and len(row) == 1:
        row = row[0]
    match row:
        case int() | str():
            return Said(predicted_class=_text(row))
        case float():
            return Said(score=_share(row))
        case list():
            return _most_likely(row)
        case Mapping():
            return _named(row)
        case _:
            return NOTHING


def said_of_outputs(outputs: Sequence[object]) -> Said:
    """What the output tensors of a V2 response say: the class by the first of whole numbers or
    texts, else by the first of probabilities; the score by the first of real numbers.
    """  # noqa: D205
    tensors = [found for output in outputs if (found := _tensor(output)) is not None]
    classes = [found for kind, found in tensors if kind in WHOLE]
    reals = [found for kind, found in tensors if kind in REAL]
    said = said_of_row(classes[0]) if classes else NOTHING
    likely = said_of_row(reals[0]) if reals else NOTHING
    return Said(
        predicted_class=likely.predicted_class if not classes else said.predicted_class,
        score=likely.score,
    )


def _tensor(output: object) -> tuple[str, list[object]] | None:
    """Datatype and values of a tensor of one row; None where it is something else."""
    match output:
        case {"datatype": str(kind), "shape": list(shape), "data": list(data)}:
            values = _flat(data)
            return _typed(kind, values) if _is_one_row(shape, len(values)) else None
        case _:
            return None


def _is_one_row(shape: list[object], count: int) -> bool:
    """Whether a shape is that of one row of `count` values."""
    sizes = [size for size in shape if type(size) is int and 0 < size <= MAX_SIZE]
    if len(sizes) != len(shape) or not 0 < len(shape) <= MAX_SIZES:
        return False
    return sizes[0] == 1 and math.prod(sizes) == count


def _typed(kind: str, values: list[object]) -> tuple[str, list[object]] | None:
    if kind in WHOLE:
        fits = len(values) == 1 and isinstance(values[0], int | str)
        return (kind, values) if fits else None
    if kind not in REAL or not all(_is_number(value) for value in values):
        return None
    return kind, [float(value) for value in values]  # type: ignore[arg-type]


def _flat(data: list[object]) -> list[object]:
    """Values of a tensor, whose rows may be nested; in the order of the rows."""
    while data and all(isinstance(part, list) for part in data):
        data = [value for part in data if isinstance(part, list) for value in part]
    return data


def _most_likely(values: list[object]) -> Said:
    """The place and the size of the largest probability, where these are probabilities.

    Whole numbers alone are none: they may be the classes of several outputs.
    """
    if len(values) > MAX_CLASSES:
        return NOTHING
    shares = [float(value) for value in values if _is_number(value)]  # type: ignore[arg-type]
    if len(shares) != len(values) or not any(isinstance(value, float) for value in values):
        return NOTHING
    if min(shares) < 0 or max(shares) > 1 + SUM_TOLERANCE:
        return NOTHING
    if abs(math.fsum(shares) - 1) > SUM_TOLERANCE:
        return NOTHING
    largest = max(shares)
    return Said(predicted_class=str(shares.index(largest)), score=min(largest, 1.0))


def _named(row: Mapping[Any, object]) -> Said:
    label = next((row[key] for key in CLASS_KEYS if key in row), None)
    score = next((row[key] for key in SCORE_KEYS if key in row), None)
    return Said(
        predicted_class=_text(label) if isinstance(label, int | str) else None,
        score=_share(score) if _is_number(score) else None,
    )


def _is_number(value: object) -> bool:
    """Whether it is a finite one, and no truth value."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < WIDEST_INTEGER


def _share(value: Any) -> float | None:
    return float(value) if 0 <= value <= 1 else None


def _text(value: int | str) -> str | None:
    """A label; empty text is none, nor is a number that no tensor holds."""
    if isinstance(value, int):
        return str(value) if abs(value) < WIDEST_INTEGER else None
    return value[:MAX_TEXT] or None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
