"""`davy routers`: where can traffic be moved from here, and how far is that tried?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from streams.actuator.routers.catalogue import COLUMNS, cells, everything, record
from streams.cli import show

Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]


def routers(as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Every router that a spec may name, what it can do, and on what it was tested."""
    found = everything()
    if as_json:
        for row in found:
            show.say(json.dumps(record(row)))
        return
    show.table(("router", *COLUMNS), [cells(row) for row in found])
