"""Which commands are there? The tree of `davy`, and where its errors end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, NoReturn

import typer

from streams.cli import INSTALL, acls, audit, decisions, deploy, hooks, kayenta, keys, plan, rollout
from streams.cli.common import (
    Bootstrap,
    Config,
    Level,
    Prefix,
    complain,
    log_to_stderr,
    service_settings_of,
)
from streams.cli.explain import explain
from streams.cli.password import password
from streams.cli.replay import replay
from streams.cli.resources import resources
from streams.cli.routers import routers
from streams.cli.verdict import HELP, verdict, verdicts
from streams.errors import DavyError, StalledError
from streams.serving.pulse import HUNG

FAILED = 2
app = typer.Typer(
    name="davy",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tells from live events whether a new model version may take more traffic, and moves it.",
)
app.add_typer(rollout.app, name="rollout")
app.add_typer(decisions.app, name="decisions")
app.add_typer(kayenta.app, name="kayenta")
app.command(name="plan")(plan.plan)
app.command()(explain)
app.command()(replay)
app.command()(routers)
app.command()(password)
app.command(help=HELP)(verdict)
app.command()(verdicts)
app.add_typer(resources, name="resources")
app.add_typer(deploy.topics, name="topics")
app.add_typer(acls.app, name="acls")
app.add_typer(deploy.schemas, name="schemas")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(hooks.app, name="hooks")


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0, or 2 after one red line per problem; 70 to be started again."""
    try:
        app(arguments, prog_name="davy")
    except StalledError as failure:
        complain(str(failure))
        sys.exit(HUNG)
    except DavyError as failure:
        complain(str(failure))
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "streams":
            raise
        complain(f"{missing.name} is not installed; {INSTALL}")
    sys.exit(FAILED)


@app.command()
def worker(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Fold events into panes and judge rollouts; ends gracefully on SIGTERM and Ctrl-C."""
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.agents.worker import run_worker  # noqa: PLC0415 - Faust is slow to import

    run_worker(settings)


@app.command()
def actuator(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Move traffic as decided; ends gracefully on SIGTERM and Ctrl-C."""
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.actuator.service import run_actuator  # noqa: PLC0415 - needed here only

    run_actuator(settings)


@app.command()
def notify(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Tell hooks what happens to rollouts; ends gracefully on SIGTERM and Ctrl-C."""
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.notify.service import run_notify  # noqa: PLC0415 - needed here only

    run_notify(settings)


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
