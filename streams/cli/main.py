"""Which commands are there? The tree of `davy`, and where its errors end."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, NoReturn

import typer

from streams.cli import acls, audit, decisions, deploy, hooks, kayenta, keys, plan, rollout
from streams.cli.dashboard import dashboard
from streams.cli.ending import run_app
from streams.cli.explain import explain
from streams.cli.password import password
from streams.cli.replay import replay
from streams.cli.report import report
from streams.cli.resources import resources
from streams.cli.routers import routers
from streams.cli.services import actuator, notify, worker
from streams.cli.verdict import HELP, verdict, verdicts

app = typer.Typer(
    name="davy",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tells from live events whether a new model version may take more traffic, and moves it.",
)
app.command()(worker)
app.command()(actuator)
app.command()(notify)
app.add_typer(rollout.app, name="rollout")
app.add_typer(decisions.app, name="decisions")
app.add_typer(kayenta.app, name="kayenta")
app.command(name="plan")(plan.plan)
app.command()(explain)
app.command()(replay)
app.command()(report)
app.command()(routers)
app.command()(password)
app.command(help=HELP)(verdict)
app.command()(verdicts)
app.command()(dashboard)
app.add_typer(resources, name="resources")
app.add_typer(deploy.topics, name="topics")
app.add_typer(acls.app, name="acls")
app.add_typer(deploy.schemas, name="schemas")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(hooks.app, name="hooks")


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: see `ending.run_app`."""
    run_app(app, arguments)


@app.command(name="version")
def show_version() -> None:
    """Print davy's version."""
    typer.echo(metadata.version("davy"))


def _version_asked(asked: bool) -> None:  # noqa: FBT001 - typer's signature
    if asked:
        show_version()
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version_asked, is_eager=True, help="Print it, end.")
]


@app.callback()
def davy(version: Version = False) -> None:  # noqa: FBT002 - answered before
    """Tells from live events whether a new model version may take more traffic, and moves it."""
