"""What if a target's words are not of the form that they must have? Nothing is done on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streams.errors import RouterError

NOT_UNDERSTOOD = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def understood(where: str, what: str, *, error: type[RouterError], advice: str) -> Iterator[None]:
    """Turn what goes wrong when JSON of somebody else's is read into a RouterError that says so."""
    try:
        yield
    except NOT_UNDERSTOOD as problem:
        raise error(f"{where}: no {what} ({problem!r}); {advice}") from problem
