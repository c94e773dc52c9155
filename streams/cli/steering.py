"""`davy rollout pause|resume|approve|promote|abort`: what a person says of a live rollout.

What may give a candidate more traffic asks for a reason; what takes it back, or holds, does not.
"""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Json, Prefix, settings_of, whoami
from streams.cli.log import Log
from streams.cli.rollouts import (
    check_approvable,
    find,
    is_moving,
    known_rollouts,
    newest_decision,
)
from streams.cli.waiting import busy
from streams.errors import LogError, SettingsError
from streams.judge.facts import CommandKind
from streams.spec.model import RolloutSpec
from streams.spec.units import UnitError, duration

Rollout = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
Why = Annotated[
    str, typer.Option("--reason", help="Why; it is kept with the command.", show_default=False)
]
Needed = Annotated[
    str,
    typer.Option("--reason", help="Why; needed, and kept with the command.", show_default=False),
]
For = Annotated[
    str | None, typer.Option("--for", help="For how long: `30m`, `2h`; without it until resumed.")
]
Counts = Annotated[
    str | None,
    typer.Option("--for", help="How long the word counts: `10m`, `2h`; without it for an hour."),
]
StageIndex = Annotated[int | None, typer.Option("--stage", help="Index of the stage, from 0.")]


def pause(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    reason: Why = "",
    lasts: For = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Hold the rollout where it is; harm still rolls it back.

    Example: davy rollout pause digits-v2 --for 30m --reason "the on-call looks"
    """
    until, log = _until(lasts), Log(settings_of(config, bootstrap, prefix))
    _ask(_command(CommandKind.PAUSE, rollout, reason, until=until), log, as_json=as_json)


def resume(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    reason: Needed = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Go on after a pause; after a failed sample ratio, begin the stage anew.

    Example: davy rollout resume digits-v2 --reason "the routing is mended"
    """
    command = _command(CommandKind.RESUME, rollout, _needed(CommandKind.RESUME, reason))
    _ask(command, Log(settings_of(config, bootstrap, prefix)), as_json=as_json)


def approve(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    reason: Needed = "",
    lasts: For = None,
    stage: StageIndex = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say yes to a stage that needs a person's approval: the next one, or `--stage`.

    Example: davy rollout approve digits-v2 --for 24h --reason "seen by Ada"
    """
    until, why = _until(lasts), _needed(CommandKind.APPROVE, reason)
    log = Log(settings_of(config, bootstrap, prefix))
    with busy("asking the broker"):
        spec = find(known_rollouts(log), rollout).spec
        chosen = _next_stage(log, spec) if stage is None else stage
    check_approvable(spec, chosen)
    command = _command(CommandKind.APPROVE, rollout, why, stage=chosen, until=until)
    _ask(command, log, as_json=as_json)


def promote(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    reason: Needed = "",
    lasts: Counts = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Give all traffic to the candidate on a person's word.

    A judge that hears of it later than an hour after it was asked (`--for`) refuses it.

    Example: davy rollout promote digits-v2 --reason "mends the outage of v1"
    """
    until, why = _until(lasts), _needed(CommandKind.PROMOTE, reason)
    command = _command(CommandKind.PROMOTE, rollout, why, until=until)
    _ask(command, Log(settings_of(config, bootstrap, prefix)), as_json=as_json)


def abort(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    reason: Why = "",
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Give all traffic back to the baseline and end the rollout.

    Example: davy rollout abort digits-v2 --reason "wrong model"
    """
    command = _command(CommandKind.ABORT, rollout, reason)
    _ask(command, Log(settings_of(config, bootstrap, prefix)), as_json=as_json)


def _needed(kind: CommandKind, reason: str) -> str:
    """The reason; SettingsError where there is none."""
    if not reason.strip():
        raise SettingsError(
            f"--reason: {kind} may give the candidate more traffic, so say why, e.g. "
            '--reason "seen by Ada"; `davy audit log` shows it'
        )
    return reason


def _next_stage(log: Log, spec: RolloutSpec) -> int:
    decision = newest_decision(log, spec.rollout)
    return 0 if decision is None else decision.stage + 1


def _until(lasts: str | None) -> int | None:
    """When a wish of this length lapses, milliseconds since the epoch; SettingsError if none."""
    if lasts is None:
        return None
    try:
        return time.time_ns() // 1_000_000 + round(duration(lasts) * 1000)
    except UnitError as error:
        raise SettingsError(f"--for: {error}") from error


def _command(
    kind: CommandKind,
    rollout: str,
    reason: str,
    *,
    stage: int | None = None,
    until: int | None = None,
) -> dict[str, Any]:
    """The record of `commands`."""
    return {
        "rollout": rollout,
        "command": kind.name,
        "actor": whoami(),
        "reason": reason,
        "at": time.time_ns() // 1_000_000,
        "stage": stage,
        "until": until,
    }


def _ask(command: dict[str, Any], log: Log, *, as_json: bool) -> None:
    """Write it, where the rollout can still hear it."""
    rollout, stage = command["rollout"], command["stage"]
    with busy("asking the broker"):
        known = find(known_rollouts(log), rollout)
        if not known.live and not is_moving(known, log):
            raise LogError(
                f"rollout `{rollout}` has ended; `davy rollout status {rollout}` tells how"
            )
        log.write("commands", rollout, command)
    if as_json:
        show.say(json.dumps(command))
        return
    of = rollout if stage is None else f"stage {stage} of {rollout}"
    asked = f"{command['command'].lower()} of {of} asked"
    show.say(f"{asked}; `davy rollout status {rollout}` tells what came of it")
