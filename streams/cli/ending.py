"""How does a command end? With its exit code, and one red line per problem."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from streams.cli.codes import Code
from streams.errors import DavyError, StalledError
from streams.extras import lacking


def run_app(app: typer.Typer, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0, or 2 after one red line per problem; 70 to be started again."""
    try:
        app(arguments, prog_name="davy")
    except StalledError as failure:
        complain(str(failure))
        sys.exit(Code.STALLED)
    except DavyError as failure:
        complain(str(failure))
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "streams":
            raise
        complain(lacking(missing.name, "server"))
    sys.exit(Code.FAILED)


def complain(message: str) -> None:
    """One red line per problem on stderr."""
    console = Console(stderr=True)
    for line in message.splitlines():
        console.print(Text(f"error: {line}", style="bold red"), soft_wrap=True)
