"""`davy decisions`: what was decided, as it is decided."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.cli.log import Log
from streams.judge.record import decision_from_record

app = typer.Typer(no_args_is_help=True, help="Decisions, as they are made.")

Rollout = Annotated[
    str | None, typer.Argument(help="Only this rollout's; all if left out.", show_default=False)
]
Back = Annotated[int, typer.Option("--lines", "-n", min=0, help="Older records per partition.")]
All = Annotated[bool, typer.Option("--all", help="From the beginning.")]
Follow = Annotated[bool, typer.Option(help="Wait for new ones; end with Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]


@app.callback()
def decisions() -> None:
    """Decisions, as they are made."""


@app.command()
def tail(
    rollout: Rollout = None,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    lines: Back = 10,
    everything: All = False,  # noqa: FBT002 - a flag
    follow: Follow = True,  # noqa: FBT002 - a flag
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Print decisions, one a line.

    Example: davy decisions tail digits-v2 --all --no-follow --json
    """
    log = Log(settings_of(config, bootstrap, prefix))
    told = 0
    with suppress(KeyboardInterrupt, BrokenPipeError):
        for entry in log.follow("decisions", back=None if everything else lines, wait=follow):
            if rollout in (None, entry.key) and entry.record is not None:
                told += 1
                _print(entry.record, entry.at_ms, as_json=as_json)
        if not told:
            _say_none(rollout, looked="" if everything else f" among the last {lines}")


def _say_none(rollout: str | None, *, looked: str) -> None:
    """On stderr: for a program, no decision is an empty answer."""
    of = f" of `{rollout}`" if rollout else ""
    more = f"{looked} of each partition; --all looks further back" if looked else ""
    typer.echo(
        f"no decision{of} is there{more}; `davy rollout list` tells which rollouts are", err=True
    )


def _print(record: dict[str, Any], at_ms: int, *, as_json: bool) -> None:
    if as_json:
        show.say(json.dumps(record))
        return
    decision = decision_from_record(record)
    show.say(show.decision_line(decision, at_ms), style=show.COLOURS.get(decision.action, ""))
