"""The table of routers, made of what each says of itself (`make figures` writes it)."""

from __future__ import annotations

from streams.actuator.routers.catalogue import COLUMNS, built_in, cells

HEADER = ("router", *COLUMNS)


def rows() -> list[tuple[str, ...]]:
    """A row for each of davy's own routers and variants."""
    return [(f"`{name}`", *facts) for name, *facts in map(cells, built_in())]
