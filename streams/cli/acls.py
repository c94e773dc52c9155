"""`davy acls`: what each role needs at a broker that asks who may do what."""

from __future__ import annotations

from typing import Annotated

import typer

from streams import acls as rights
from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Rights of each role at the broker.")

Name = Annotated[str, typer.Argument(help="publisher, worker, actuator ...: see `davy acls list`.")]
Named = Annotated[str, typer.Option("--role", help="publisher, worker, actuator ...")]
Principal = Annotated[
    str, typer.Option(help="Who plays the role, as the broker calls them: User:name.")
]
Principals = Annotated[
    list[str], typer.Option("--principal", help="Who plays the role: User:name. May be repeated.")
]


@app.callback()
def acls() -> None:
    """Rights of each role at the broker."""


@app.command(name="list")
def list_roles() -> None:
    """Every role and who plays it."""
    settings = load_settings()
    names = rights.role_names()
    show.table(("role", "for"), [(name, rights.role(name, settings).does) for name in names])


@app.command(name="show")
def show_role(
    role: Name,
    principal: Principal = "User:...",
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
) -> None:
    """Print what a role needs, as lines of Kafka's own kafka-acls.sh; touches no Kafka."""
    settings = settings_of(config, bootstrap, prefix)
    for line in rights.command_lines(rights.role(role, settings), principal, settings.bootstrap):
        show.say(line)


@app.command(name="apply")
def apply_role(
    role: Named,
    principal: Principals,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
) -> None:
    """Grant a role; takes nothing away, and a second run changes nothing."""
    settings = settings_of(config, bootstrap, prefix)
    count = rights.apply(rights.role(role, settings), principal, settings)
    show.say(f"{role}: {count} rights for {', '.join(principal)}", style="green")
