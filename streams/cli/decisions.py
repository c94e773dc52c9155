"""`davy decisions`: what was decided, as it is decided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of
from streams.cli.log import Entry, Log
from streams.cli.waiting import busy_until_said
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
    entries = log.follow("decisions", back=None if everything else lines, wait=follow)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        if not _told(rollout, entries, as_json=as_json):
            _say_none(rollout, looked="" if everything else f" among the last {lines}")


def _told(rollout: str | None, entries: Iterator[Entry], *, as_json: bool) -> int:
    """Print them; how many there were."""
    count = 0
    with busy_until_said("looking for decisions") as stand_back:
        for entry in entries:
            if rollout in (None, entry.key) and entry.record is not None:
                stand_back()
                _print(entry.record, entry.at_ms, as_json=as_json)
                count += 1
    return count


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
