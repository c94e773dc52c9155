"""Which commands are there? The tree of `davy`, told without importing it, and where errors end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Annotated, ClassVar, NoReturn

import typer

from streams.cli.ending import run_app
from streams.cli.lazy import LazyGroup, Told

TOLD: Mapping[str, Told] = {
    "worker": Told(
        place="streams.cli.services:worker",
        says="Fold events into panes and judge rollouts; ends gracefully on SIGTERM and Ctrl-C.",
    ),
    "actuator": Told(
        place="streams.cli.services:actuator",
        says="Move traffic as decided; ends gracefully on SIGTERM and Ctrl-C.",
    ),
    "notify": Told(
        place="streams.cli.services:notify",
        says="Tell hooks what happens to rollouts; ends gracefully on SIGTERM and Ctrl-C.",
    ),
    "rollout": Told(place="streams.cli.rollout:app", says="Rollouts: begin, watch, steer."),
    "decisions": Told(place="streams.cli.decisions:app", says="Decisions, as they are made."),
    "kayenta": Told(place="streams.cli.kayenta:app", says="Kayenta's judge, answer for answer."),
    "plan": Told(
        place="streams.cli.plan:plan",
        says="Say before a rollout begins how soon it finds harm, what that costs, how long it "
        "takes.",
    ),
    "explain": Told(
        place="streams.cli.explain:explain",
        says="Why a decision came about: figures, formulas, sources, and what would have changed "
        "it.",
    ),
    "replay": Told(
        place="streams.cli.replay:replay",
        says="Judge a rollout again and compare each decision byte for byte; exit code 1 if one "
        "differs.",
    ),
    "report": Told(
        place="streams.cli.report:report",
        says="Write what became of a rollout as one page; exit code 1 if its record has gaps.",
    ),
    "routers": Told(
        place="streams.cli.routers:routers",
        says="Every router that a spec may name and what it can; of one, all that is told of it.",
    ),
    "password": Told(
        place="streams.cli.password:password",
        says="Ask for a password, and print its hash: a line of `http.basic_auth_file` is "
        "`name:HASH`.",
    ),
    "verdict": Told(
        place="streams.cli.verdict:verdict",
        says="May the candidate have more traffic? For the `job` metrics of Argo Rollouts, and "
        "scripts.",
    ),
    "verdicts": Told(
        place="streams.cli.services:verdicts",
        says="Answer Argo Rollouts, Flagger and others over HTTP; ends gracefully on SIGTERM and "
        "Ctrl-C.",
    ),
    "dashboard": Told(
        place="streams.cli.dashboard:dashboard",
        says="Show rollouts in a browser and as JSON, and take commands; ends on SIGTERM and "
        "Ctrl-C.",
    ),
    "resources": Told(
        place="streams.cli.resources:resources", says="What pods use: cpu, memory, gpu."
    ),
    "topics": Told(place="streams.cli.deploy:topics", says="Topics: create and check."),
    "acls": Told(place="streams.cli.acls:app", says="Rights of each role at the broker."),
    "schemas": Told(place="streams.cli.deploy:schemas", says="Schemas: register and check."),
    "keys": Told(place="streams.cli.keys:app", says="Keys that sign decisions."),
    "audit": Told(
        place="streams.cli.audit:app", says="The record of rollouts: whole, signed, readable."
    ),
    "hooks": Told(place="streams.cli.hooks:app", says="Hooks: who is told of rollouts."),
}
"""Where each command is, and the first paragraph of its help; `tests/cli/test_tree.py` compares."""


class Davy(LazyGroup):
    """The commands of `davy`."""

    told: ClassVar[Mapping[str, Told]] = TOLD


app = typer.Typer(
    name="davy",
    cls=Davy,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tells from live events whether a new model version may take more traffic, and moves it.",
)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: see `ending.run_app`."""
    run_app(app, arguments)


# As in `common.py`, which `davy --help` need not import.
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]


@app.command(name="version")
def show_version(*, as_json: Json = False) -> None:
    """Print davy's version.

    Example: davy version --json
    """
    version = metadata.version("davy")
    typer.echo(json.dumps({"version": version}) if as_json else version)


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
