"""`davy rollout pause|resume|approve|promote|abort`: what a person says of a live rollout."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of, whoami
from streams.cli.log import Log
from streams.cli.rollouts import (
    check_approvable,
    find,
    is_moving,
    known_rollouts,
    newest_decision,
)
from streams.errors import LogError, SettingsError
from streams.judge.facts import CommandKind
from streams.spec.model import RolloutSpec
from streams.spec.units import UnitError, duration

Rollout = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept with the command.")]
For = Annotated[
    str | None, typer.Option("--for", help="For how long: `30m`, `2h`; without it until resumed.")
]
StageIndex = Annotated[int | None, typer.Option("--stage", help="Index of the stage, from 0.")]


def add_steering(app: typer.Typer) -> None:
    """Add the commands to `davy rollout`."""
    app.command()(pause)
    app.command()(approve)
    for kind, says in STEERING.items():
        app.command(name=kind, help=says)(_steering(kind))


def _steering(kind: CommandKind) -> Callable[..., None]:
    """The command that asks for `kind`; these take the same options."""

    def steer(
        rollout: Rollout,
        config: Config = None,
        bootstrap: Bootstrap = None,
        prefix: Prefix = None,
        reason: Why = "",
    ) -> None:
        _command(kind, rollout, reason, Log(settings_of(config, bootstrap, prefix)))

    return steer


def pause(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    reason: Why = "",
    lasts: For = None,
) -> None:
    """Hold the rollout where it is; harm still rolls it back."""
    until, log = _until(lasts), Log(settings_of(config, bootstrap, prefix))
    _command(CommandKind.PAUSE, rollout, reason, log, until=until)


def approve(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    reason: Why = "",
    lasts: For = None,
    stage: StageIndex = None,
) -> None:
    """Say yes to a stage that needs a person's approval: the next one, or `--stage`."""
    until, log = _until(lasts), Log(settings_of(config, bootstrap, prefix))
    spec = find(known_rollouts(log), rollout).spec
    chosen = _next_stage(log, spec) if stage is None else stage
    check_approvable(spec, chosen)
    _command(CommandKind.APPROVE, rollout, reason, log, stage=chosen, until=until)


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
    log: Log,
    *,
    stage: int | None = None,
    until: int | None = None,
) -> None:
    known = find(known_rollouts(log), rollout)
    if not known.live and not is_moving(known, log):
        raise LogError(f"rollout `{rollout}` has ended; `davy rollout status {rollout}` tells how")
    record = {
        "rollout": rollout,
        "command": kind.name,
        "actor": whoami(),
        "reason": reason,
        "at": time.time_ns() // 1_000_000,
        "stage": stage,
        "until": until,
    }
    log.write("commands", rollout, record)
    of = rollout if stage is None else f"stage {stage} of {rollout}"
    show.say(f"{kind} of {of} asked; `davy rollout status {rollout}` tells what came of it")


STEERING = {
    CommandKind.RESUME: "Go on after a pause; after a failed sample ratio, begin the stage anew.",
    CommandKind.PROMOTE: "Give all traffic to the candidate on a person's word.",
    CommandKind.ABORT: "Give all traffic back to the baseline and end the rollout.",
}
