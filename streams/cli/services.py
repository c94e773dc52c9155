"""Which commands run on? Alone they start sooner: none of what the other commands import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import typer

from streams.cli.common import Bootstrap, Config, Level, Prefix, log_to_stderr, service_settings_of
from streams.cli.ending import run_app

app = typer.Typer(name="davy", no_args_is_help=True, pretty_exceptions_enable=False)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one of them and exit, as `main.run` does."""
    run_app(app, arguments)


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
