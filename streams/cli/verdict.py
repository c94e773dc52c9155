"""`davy verdict` and `davy verdicts`: may the candidate have more traffic? For whoever asks."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.common import (
    Bootstrap,
    Config,
    Level,
    Prefix,
    log_to_stderr,
    service_settings_of,
    settings_of,
)
from streams.errors import SettingsError
from streams.spec.model import FULL_BP
from streams.spec.units import UnitError, duration
from streams.verdicts.asking import Answered
from streams.verdicts.facts import Question, Result

CODES = {Result.PASSED: 0, Result.FAILED: 1, Result.UNDECIDED: 3}
UNKNOWN = 4
COLOURS = {Result.PASSED: "green", Result.FAILED: "bold red", Result.UNDECIDED: "yellow"}
HELP = """May the candidate have more traffic? For the `job` metrics of Argo Rollouts, and scripts.

Exit code 0: pass; 1: fail; 3: undecided, with --wait until the time was over; 4: there is no such
rollout, or it is about another revision; 2: anything else, such as a broker that does not answer.
"""

Rollout = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait", help="Until it is pass or fail.")]
Timeout = Annotated[str, typer.Option(help="How long to wait: 90s, 30m, 2h.")]
Weight = Annotated[str, typer.Option(help="The share asked for, such as 25%.")]
Revision = Annotated[
    str, typer.Option("--hash", help="The candidate's revision, as the rollout names it.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


def verdict(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    *,
    wait: Wait = False,
    timeout: Timeout = "1h",
    weight: Weight = "100%",
    revision: Revision = "",
    as_json: Json = False,
) -> None:
    """Ask for a verdict; the exit code is the answer."""
    from streams.verdicts.hooks import asked_bp  # noqa: PLC0415 - needed here only
    from streams.verdicts.wait import wait_for_verdict  # noqa: PLC0415 - the same

    try:
        weight_bp, timeout_s = asked_bp(weight, FULL_BP), duration(timeout)
    except UnitError as error:
        raise SettingsError(f"--weight or --timeout: {error}") from error
    found = wait_for_verdict(
        settings_of(config, bootstrap, prefix),
        Question(rollout=rollout, revision=revision, weight_bp=weight_bp),
        timeout_s=timeout_s if wait else None,
        told=partial(_say, as_json=as_json) if wait else lambda _: None,
        checked=bool(revision),
    )
    if isinstance(found, Answered):
        if not wait or as_json:
            _tell(found, as_json=as_json)
        raise typer.Exit(CODES[found.ruling.result])
    typer.echo(f"{found.cause}: {found.sentence}", err=True)
    raise typer.Exit(UNKNOWN)


def _say(found: Answered, *, as_json: bool) -> None:
    """What holds meanwhile; a program that reads JSON wants the last word alone."""
    if not as_json:
        _tell(found, as_json=False)


def _tell(found: Answered, *, as_json: bool) -> None:
    from streams.verdicts.answers import answer_of  # noqa: PLC0415 - needed here only

    ruling = found.ruling
    if as_json:
        show.say(json.dumps(answer_of(found, ruling).model_dump(mode="json")))
        return
    text = f"{ruling.result}  {found.known.spec.rollout}  {ruling.code}: {ruling.sentence}"
    show.say(text, style=COLOURS[ruling.result])


def verdicts(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    log_level: Level = "INFO",
) -> None:
    """Answer Argo Rollouts, Flagger and others over HTTP; ends gracefully on SIGTERM and Ctrl-C."""
    settings = service_settings_of(config, bootstrap, prefix)
    log_to_stderr(log_level)
    from streams.verdicts.service import run_verdicts  # noqa: PLC0415 - needed here only

    run_verdicts(settings)
