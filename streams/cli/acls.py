"""`davy acls`: what each role needs at a broker that asks who may do what."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from streams import acls as rights
from streams.cli import show
from streams.cli.common import Bootstrap, Config, Json, JsonLines, Prefix, settings_of
from streams.cli.waiting import busy
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
def list_roles(as_json: JsonLines = False) -> None:  # noqa: FBT002 - a flag
    """Every role and who plays it.

    Example: davy acls list
    """
    settings = load_settings()
    does = {name: rights.role(name, settings).does for name in rights.role_names()}
    if as_json:
        show.records({"role": name, "for": what} for name, what in does.items())
    else:
        show.table(("role", "for"), does.items())


@app.command(name="show")
def show_role(
    role: Name,
    principal: Principal = "User:...",
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Print what a role needs, as lines of Kafka's own kafka-acls.sh; touches no Kafka.

    Example: davy acls show worker --principal User:davy-worker
    """
    settings = settings_of(config, bootstrap, prefix)
    needed = rights.role(role, settings)
    if as_json:
        show.records(asdict(grant) for grant in needed.grants)
        return
    for line in rights.command_lines(needed, principal, settings.bootstrap):
        show.say(line)


@app.command(name="apply")
def apply_role(
    role: Named,
    principal: Principals,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Grant a role; takes nothing away, and a second run changes nothing.

    Example: davy acls apply --role worker --principal User:davy-worker
    """
    settings = settings_of(config, bootstrap, prefix)
    with busy("asking the broker"):
        count = rights.apply(rights.role(role, settings), principal, settings)
    if as_json:
        show.say(json.dumps({"role": role, "principals": principal, "rights": count}))
        return
    show.say(f"{role}: {count} rights for {', '.join(principal)}", style="green")
