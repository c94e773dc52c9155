"""`davy verdict`: may the candidate have more traffic? For scripts and jobs that ask."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from streams.cli import show
from streams.cli.codes import Code
from streams.cli.common import Bootstrap, Config, Json, Prefix, settings_of
from streams.cli.waiting import busy_until_said
from streams.errors import SettingsError
from streams.settings import Settings
from streams.spec.model import FULL_BP
from streams.spec.units import UnitError, duration
from streams.verdicts.answers import answer_of
from streams.verdicts.asking import Answered, NoVerdict
from streams.verdicts.facts import Question, Result
from streams.verdicts.hooks import asked_bp
from streams.verdicts.wait import wait_for_verdict

CODES = {Result.PASSED: Code.DONE, Result.FAILED: Code.NO, Result.UNDECIDED: Code.UNDECIDED}
COLOURS = {Result.PASSED: "green", Result.FAILED: "bold red", Result.UNDECIDED: "yellow"}

Rollout = Annotated[
    str, typer.Argument(help="Rollout id; or leave it to --service and --hash.", show_default=False)
]
Service = Annotated[
    str, typer.Option(help="The service whose rollout is meant, of the revision in --hash.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Until it is pass or fail.")]
Timeout = Annotated[str, typer.Option(help="How long to wait: 90s, 30m, 2h.")]
Weight = Annotated[str, typer.Option(help="The share asked for, such as 25%.")]
Revision = Annotated[
    str, typer.Option("--hash", help="The candidate's revision, as the rollout names it.")
]


def verdict(
    rollout: Rollout = "",
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    *,
    service: Service = "",
    wait: Wait = False,
    timeout: Timeout = "1h",
    weight: Weight = "100%",
    revision: Revision = "",
    as_json: Json = False,
) -> None:
    """May the candidate have more traffic? For the `job` metrics of Argo Rollouts, and scripts.

    Exit code 0: pass; 1: fail; 3: undecided, with --wait until the time was over; 4: there is no
    such rollout, or it is about another revision; 2: anything else, such as a broker that does not
    answer.

    Example: davy verdict digits-v2 --wait --weight 25% --timeout 2h

    Example: davy verdict --service digits --hash 6f9c7b5d4 --json
    """
    _check_named(rollout, service, revision)
    try:
        weight_bp, timeout_s = asked_bp(weight, FULL_BP), duration(timeout)
    except UnitError as error:
        raise SettingsError(f"--weight or --timeout: {error}") from error
    found = _found(
        settings_of(config, bootstrap, prefix),
        Question(rollout=rollout, service=service, revision=revision, weight_bp=weight_bp),
        timeout_s=timeout_s if wait else None,
        as_json=as_json,
    )
    if isinstance(found, Answered):
        if not wait or as_json:
            _tell(found, as_json=as_json)
        raise typer.Exit(CODES[found.ruling.result])
    typer.echo(f"{found.cause}: {found.sentence}", err=True)
    raise typer.Exit(Code.UNKNOWN)


def _check_named(rollout: str, service: str, revision: str) -> None:
    """SettingsError where it is not said, or said twice, of which rollout is asked."""
    if bool(rollout) == bool(service):
        raise SettingsError(
            "of which rollout? Name its id, or a service and its revision, not both: "
            "`davy verdict digits-v2`, or `davy verdict --service digits --hash 6f9c7b5d4`"
        )
    if service and not revision:
        raise SettingsError(
            "--service: a service has a rollout for each revision; say which with --hash, as "
            "`revision` in its spec names it, or the candidate's version"
        )


def _found(
    settings: Settings, question: Question, *, timeout_s: float | None, as_json: bool
) -> Answered | NoVerdict:
    """What comes of the question. Who waits is told what holds meanwhile.

    A program that reads JSON wants the last word alone.
    """
    who = question.rollout or question.service
    with busy_until_said(f"asking for the verdict on {who}") as stand_back:

        def tell(found: Answered) -> None:
            if timeout_s is not None and not as_json:
                stand_back()
                _tell(found, as_json=False)

        return wait_for_verdict(
            settings, question, timeout_s=timeout_s, told=tell, checked=bool(question.revision)
        )


def _tell(found: Answered, *, as_json: bool) -> None:
    ruling = found.ruling
    if as_json:
        show.say(json.dumps(answer_of(found, ruling).model_dump(mode="json")))
        return
    text = f"{ruling.result}  {found.known.spec.rollout}  {ruling.code}: {ruling.sentence}"
    show.say(text, style=COLOURS[ruling.result])
