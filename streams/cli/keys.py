"""`davy keys`: the keys that sign decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.common import Json
from streams.wire.keys import id_in, new_pair

app = typer.Typer(no_args_is_help=True, help="Keys that sign decisions.")

Folder = Annotated[Path, typer.Argument(help="Where both files go.", show_default=False)]
File = Annotated[Path, typer.Argument(help="A PEM file, private or public.", show_default=False)]


@app.callback()
def keys() -> None:
    """Keys that sign decisions."""


@app.command()
def new(folder: Folder, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Make a pair: workers sign with the one, actuators believe the other.

    Example: davy keys new /etc/davy
    """
    pair = new_pair(folder)
    if as_json:
        told = {"id": pair.id, "private": str(pair.private), "public": str(pair.public)}
        show.say(json.dumps(told))
        return
    show.say(f"key {pair.id}", style="bold")
    show.say(f"on workers    signing.key: {pair.private}  (DAVY_SIGNING__KEY; keep it secret)")
    show.say(f"on actuators  signing.trusted: {pair.public}  (DAVY_SIGNING__TRUSTED)")


@app.command(name="show")
def show_id(file: File, as_json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Print the id of a key, as `key_id` in records' headers says it.

    Example: davy keys show /etc/davy/trusted/judge.pem
    """
    found = id_in(file)
    show.say(json.dumps({"id": found}) if as_json else found)
