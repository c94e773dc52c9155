"""What do all commands share? Options, settings, and where logs go."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.settings import Settings, load_settings
from streams.wire.sparing import tell_sparingly

Config = Annotated[
    Path | None, typer.Option(help="Settings file; DAVY_CONFIG or ./davy.yaml if left out.")
]
Bootstrap = Annotated[
    str | None, typer.Option(help="Kafka bootstrap servers, host:port[,host:port].")
]
Prefix = Annotated[str | None, typer.Option(help="In front of every topic's name.")]
Level = Annotated[str, typer.Option("--log-level", help="DEBUG, INFO, WARNING or ERROR.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]
JsonLines = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]
CHATTY = ("faust", "mode", "aiokafka", "httpx", "httpx2", "librdkafka")
"""Libraries whose news are not the operator's; their warnings are, if not by the hundred."""
TELLTALE = {"aiokafka.conn": logging.INFO, "httpx": logging.WARNING, "httpcore": logging.INFO}
"""Loggers that write whole requests below this level: that of SASL PLAIN with its password, and
URLs, which of chats are secrets."""


def whoami() -> str:
    """Who types; a number where it has no name, as in a container with a user of its own."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def settings_of(config: Path | None, bootstrap: str | None, prefix: str | None) -> Settings:
    """Settings with the flags of a command on top.

    The Kafka client's own lines are left out unless the settings ask for them: what they tell is
    in the command's message.
    """
    settings = service_settings_of(config, bootstrap, prefix)
    return settings.model_copy(update={"kafka": {"log_level": "0"} | settings.kafka})


def service_settings_of(config: Path | None, bootstrap: str | None, prefix: str | None) -> Settings:
    """The same for worker and actuator, in whose logs the Kafka client has its say."""
    return load_settings(config, {"bootstrap": bootstrap, "prefix": prefix})


def log_to_stderr(level: str) -> None:
    """Where the log of a program that runs on goes, from this level up.

    What libraries repeat is told once, then counted: an outage of Kafka floods nobody's log.
    """
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise typer.BadParameter(f"{level} is none of DEBUG, INFO, WARNING, ERROR")
    logging.basicConfig(
        level=known[level.upper()],
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for name, least in TELLTALE.items():
        logging.getLogger(name).setLevel(least)
    if known[level.upper()] == logging.INFO:
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
    tell_sparingly(*CHATTY)
