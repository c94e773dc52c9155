"""`davy keys`: the keys that sign decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli import show
from streams.wire.keys import id_in, new_pair

app = typer.Typer(no_args_is_help=True, help="Keys that sign decisions.")

Folder = Annotated[Path, typer.Argument(help="Where both files go.", show_default=False)]
File = Annotated[Path, typer.Argument(help="A PEM file, private or public.", show_default=False)]


@app.callback()
def keys() -> None:
    """Keys that sign decisions."""


@app.command()
def new(folder: Folder) -> None:
    """Make a pair: workers sign with the one, actuators believe the other."""
    pair = new_pair(folder)
    show.say(f"key {pair.id}", style="bold")
    show.say(f"on workers    signing.key: {pair.private}  (DAVY_SIGNING__KEY; keep it secret)")
    show.say(f"on actuators  signing.trusted: {pair.public}  (DAVY_SIGNING__TRUSTED)")


@app.command(name="show")
def show_id(file: File) -> None:
    """Print the id of a key, as `key_id` in records' headers says it."""
    show.say(id_in(file))
