"""`davy routers`: where can traffic be moved from here, and how far is that tried?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from streams.actuator.routers.catalogue import (
    BRIEF,
    COLUMNS,
    Listed,
    brief,
    cells,
    everything,
    of_name,
    record,
)
from streams.cli import show
from streams.cli.common import JsonLines

One = Annotated[
    str | None, typer.Argument(help="Of one router, all that is told.", show_default=False)
]


def routers(
    name: One = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Every router that a spec may name and what it can; of one, all that is told of it.

    Example: davy routers envoy
    """
    found = everything() if name is None else of_name(name)
    if as_json:
        show.records(map(record, found))
    elif name is None:
        show.table(("router", *BRIEF), map(brief, found))
        _say_troubles(found)
        show.hint("davy routers NAME tells of each what it moves, its rules, on what it was tested")
    else:
        for row in found:
            show.table(("router", cells(row)[0]), zip(COLUMNS, cells(row)[1:], strict=True))
        _say_troubles(found)


def _say_troubles(found: Sequence[Listed]) -> None:
    for row in found:
        if row.trouble:
            typer.echo(f"{row.name}: {row.trouble}", err=True)
