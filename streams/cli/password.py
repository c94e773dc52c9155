"""`davy password`: what to write into a file of passwords in place of one."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.serving.passwords import hashed

Asked = Annotated[str, typer.Option("--password", prompt=True, hide_input=True, hidden=True)]


def password(password: Asked) -> None:
    """Ask for a password, and print its hash: a line of `http.basic_auth_file` is `name:HASH`.

    Example: davy password
    """
    if not password:
        raise typer.BadParameter("an empty password keeps nobody out")
    typer.echo(hashed(password))
