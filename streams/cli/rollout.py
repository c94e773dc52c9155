"""`davy rollout`: begin a rollout, look at it, and say what a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import typer

from streams.cli.lazy import LazyGroup, Told

TOLD: Mapping[str, Told] = {
    "init": Told(
        place="streams.cli.init:init", says="Write a commented spec, from answers or from flags."
    ),
    "examples": Told(
        place="streams.cli.init:examples", says="Example specs that `init --from` can begin with."
    ),
    "apply": Told(
        place="streams.cli.begin:apply",
        says="Check a spec, print it with every default filled in, and begin the rollout.",
    ),
    "list": Told(
        place="streams.cli.look:list_rollouts",
        says="Every rollout: where it stands and what was decided last.",
    ),
    "status": Told(
        place="streams.cli.look:status",
        says="Newest decision with its evidence, lease, and what the router has.",
    ),
    "pause": Told(
        place="streams.cli.steering:pause",
        says="Hold the rollout where it is; harm still rolls it back.",
    ),
    "resume": Told(
        place="streams.cli.steering:resume",
        says="Go on after a pause; after a failed sample ratio, begin the stage anew.",
    ),
    "approve": Told(
        place="streams.cli.steering:approve",
        says="Say yes to a stage that needs a person's approval: the next one, or `--stage`.",
    ),
    "promote": Told(
        place="streams.cli.steering:promote",
        says="Give all traffic to the candidate on a person's word.",
    ),
    "abort": Told(
        place="streams.cli.steering:abort",
        says="Give all traffic back to the baseline and end the rollout.",
    ),
}
"""See `main.TOLD`."""


class Rollout(LazyGroup):
    """The commands of `davy rollout`."""

    told: ClassVar[Mapping[str, Told]] = TOLD


app = typer.Typer(cls=Rollout, no_args_is_help=True, help="Rollouts: begin, watch, steer.")


@app.callback()
def rollout() -> None:
    """Rollouts: begin, watch, steer."""
