"""`davy rollout apply`: is this spec right, may it begin, and then begin it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Json, Prefix, settings_of, whoami
from streams.cli.log import Log
from streams.cli.rollouts import (
    check_free,
    check_not_rolled_back,
    is_new,
    known_rollouts,
    rollout_record,
)
from streams.cli.target import check_route
from streams.cli.waiting import busy
from streams.spec.load import load_spec, with_revision
from streams.spec.model import RolloutSpec

File = Annotated[Path, typer.Argument(help="The rollout's YAML.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and print; touch no Kafka.")]
Revision = Annotated[
    str | None,
    typer.Option(help="What Argo Rollouts or Flagger calls the candidate: pod hash, checksum."),
]
Again = Annotated[
    bool, typer.Option("--again", help="Also a version that was rolled back here before.")
]


def apply(
    file: File,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
    again: Again = False,  # noqa: FBT002 - a flag
    revision: Revision = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Check a spec, print it with every default filled in, and begin the rollout.

    Example: davy rollout apply rollout.yaml --dry-run
    """
    loaded = load_spec(file)
    if revision is not None:
        loaded = with_revision(loaded, revision)
    check_route(loaded)
    spec = loaded.spec
    if not as_json:
        show.spec(loaded)
    begun = False
    if not dry_run:
        with busy("asking the broker"):
            begun = _begun(spec, Log(settings_of(config, bootstrap, prefix)), again=again)
    if as_json:
        show.say(json.dumps(_told(spec, begun=begun)))
    elif not dry_run:
        _say(spec, begun=begun)


def _begun(spec: RolloutSpec, log: Log, *, again: bool) -> bool:
    """Write the rollout where it may begin; False where just this one lives already."""
    known = known_rollouts(log)
    if not is_new(spec, known):
        return False
    check_free(spec, known, log)
    if not again:
        check_not_rolled_back(spec, known, log)
    log.write("rollouts", spec.rollout, rollout_record(spec, applied_by=whoami()))
    return True


def _say(spec: RolloutSpec, *, begun: bool) -> None:
    name = f"rollout {spec.rollout} ({spec.spec_hash[:8]})"
    if begun:
        show.say(f"{name} applied", style="green")
    else:
        show.say(f"{name} was applied before; nothing to do")


def _told(spec: RolloutSpec, *, begun: bool) -> dict[str, Any]:
    return {
        "rollout": spec.rollout,
        "spec_hash": spec.spec_hash,
        "begun": begun,
        "spec": spec.model_dump(mode="json"),
    }
