"""`davy dashboard`: rollouts for people, as pages and as JSON, and verdicts for controllers."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.cli.common import Bootstrap, Config, Level, Prefix, log_to_stderr, service_settings_of

ReadOnly = Annotated[bool, typer.Option("--read-only", help="Show everything, take no commands.")]


def dashboard(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
    *,
    read_only: ReadOnly = False,
) -> None:
    """Show rollouts in a browser and as JSON, and take commands; ends on SIGTERM and Ctrl-C.

    Example: davy dashboard --config davy.yaml --read-only
    """
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.dashboard.service import run_dashboard  # noqa: PLC0415 - needed here only

    run_dashboard(settings, read_only=read_only)
