"""How does a person speak to davy? `davy --help`; this package only parses, asks and prints."""

from __future__ import annotations

import sys

from streams.extras import lacking

__all__ = ["app"]


def app() -> None:
    """The program `davy`. The light SDK is installed without it: then say what to install."""
    try:
        from streams.cli.main import run  # noqa: PLC0415 - needs the extra that may be missing
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "streams":
            raise
        sys.stderr.write(f"davy: {lacking(missing.name, 'server')}\n")
        sys.exit(2)
    run()
