"""How does a person speak to davy? `davy --help`; this package only parses, asks and prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

__all__ = ["app"]

SERVICES = frozenset({"worker", "actuator", "notify"})
"""Commands that run on; they are started again in a hurry and import nothing of the others."""


def app() -> None:
    """The program `davy`. The light SDK is installed without it: then say what to install."""
    try:
        run = _services() if sys.argv[1:2] and sys.argv[1] in SERVICES else _every()
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "streams":
            raise
        sys.stderr.write(f"davy: {missing.name} is not installed; {INSTALL}\n")
        sys.exit(2)
    run()


INSTALL = "run: pip install 'davy[server]'"


def _services() -> Callable[[], NoReturn]:
    from streams.cli.services import run  # noqa: PLC0415 - needs the extra that may be missing

    return run


def _every() -> Callable[[], NoReturn]:
    from streams.cli.main import run  # noqa: PLC0415 - needs the extra that may be missing

    return run
