"""`davy rollout`: begin a rollout, look at it, and say what a person decides."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Prefix, settings_of, whoami
from streams.cli.log import Entry, Log
from streams.cli.rollouts import (
    KnownRollout,
    check_free,
    check_not_rolled_back,
    find,
    is_new,
    known_rollouts,
    newest_decision,
    rollout_record,
)
from streams.cli.steering import add_steering
from streams.cli.target import check_route
from streams.judge.decision_facts import Decision
from streams.judge.explain import explain
from streams.judge.record import decision_to_record
from streams.spec.load import load_spec, with_revision

app = typer.Typer(no_args_is_help=True, help="Rollouts: begin, watch, steer.")

File = Annotated[Path, typer.Argument(help="The rollout's YAML.", show_default=False)]
Rollout = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and print; touch no Kafka.")]
Revision = Annotated[
    str | None,
    typer.Option(help="What Argo Rollouts or Flagger calls the candidate: pod hash, checksum."),
]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]
Again = Annotated[
    bool, typer.Option("--again", help="Also a version that was rolled back here before.")
]


@app.command()
def apply(
    file: File,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
    again: Again = False,  # noqa: FBT002 - a flag
    revision: Revision = None,
) -> None:
    """Check a spec, print it with every default filled in, and begin the rollout."""
    loaded = load_spec(file)
    if revision is not None:
        loaded = with_revision(loaded, revision)
    check_route(loaded)
    show.spec(loaded)
    if dry_run:
        return
    log = Log(settings_of(config, bootstrap, prefix))
    spec = loaded.spec
    known = known_rollouts(log)
    if not is_new(spec, known):
        show.say(f"rollout {spec.rollout} ({spec.spec_hash[:8]}) was applied before; nothing to do")
        return
    check_free(spec, known, log)
    if not again:
        check_not_rolled_back(spec, known, log)
    log.write("rollouts", spec.rollout, rollout_record(spec, applied_by=whoami()))
    show.say(f"rollout {spec.rollout} ({spec.spec_hash[:8]}) applied", style="green")


@app.command(name="list")
def list_rollouts(
    config: Config = None, bootstrap: Bootstrap = None, prefix: Prefix = None
) -> None:
    """Every rollout: where it stands and what was decided last."""
    log = Log(settings_of(config, bootstrap, prefix))
    headers = ("rollout", "service", "route", "baseline", "candidates", "state", "last", "weights")
    rows = [_row(log, rollout) for _, rollout in sorted(known_rollouts(log).items())]
    show.table(headers, rows)


def _row(log: Log, known: KnownRollout) -> tuple[str, ...]:
    spec = known.spec
    decision = newest_decision(log, spec.rollout)
    candidates = ", ".join(candidate.version for candidate in spec.candidates)
    last = (decision.action, show.by_segment(decision.weights_bp)) if decision else ("-", "-")
    facts = (spec.rollout, spec.service, spec.route, spec.baseline, candidates)
    return (*facts, known.state, *last)


@app.command()
def status(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Newest decision with its evidence, lease, and what the router has."""
    log = Log(settings_of(config, bootstrap, prefix))
    known = find(known_rollouts(log), rollout)
    decision = newest_decision(log, rollout)
    routing = log.newest("routing", rollout)
    if as_json:
        show.say(json.dumps(_told(known, decision, routing)))
        return
    _print_status(known, log.newest("leases", rollout), decision, routing)


def _told(known: KnownRollout, decision: Decision | None, routing: Entry | None) -> dict[str, Any]:
    return {
        "rollout": known.spec.rollout,
        "state": known.state,
        "spec_hash": known.spec.spec_hash,
        "applied_by": known.applied_by,
        "decision": None if decision is None else decision_to_record(decision),
        "routing": None if routing is None else routing.record,
    }


def _print_status(
    known: KnownRollout, lease: Entry | None, decision: Decision | None, routing: Entry | None
) -> None:
    spec = known.spec
    versions = ", ".join(candidate.version for candidate in spec.candidates)
    show.say(f"rollout   {spec.rollout}  ({known.state}, spec {spec.spec_hash[:8]})", style="bold")
    show.say(f"service   {spec.service}, route {spec.route}: {spec.baseline} -> {versions}")
    if known.live and lease is not None and lease.record is not None:
        show.say(f"lease     {_lease(lease.at_ms, lease.record['valid_ms'])}")
    if routing is None or routing.record is None:
        show.say("routing   nothing yet; is `davy actuator` running?")
    else:
        show.say(f"routing   {_routing(routing.record)}")
    if decision is None:
        show.say("decision  none yet; is `davy worker` running, and do events arrive?")
        return
    show.say(f"decision  #{decision.seq} {decision.action}: {show.by_segment(decision.weights_bp)}")
    show.say(f"          {explain(decision)}")
    show.evidence(decision)


def _lease(heard_ms: int, valid_ms: int) -> str:
    """When the judge was heard, and whether it is still believed to live."""
    until_ms = heard_ms + valid_ms
    over = time.time_ns() // 1_000_000 > until_ms
    end = "over since" if over else "valid until"
    advice = "; nothing is raised: is `davy worker` running?" if over else ""
    return f"judge heard {show.moment(heard_ms)}, {end} {show.moment(until_ms)}{advice}"


def _routing(record: dict[str, Any]) -> str:
    applied = show.by_segment(record["applied_bp"])
    since, until = show.moment(record["since"]), show.moment(record["confirmed_until"])
    reason = f"  ({record['reason']})" if record["reason"] else ""
    return (
        f"{record['phase']} at {record['router']}: {applied}"
        f"  since {since}, confirmed until {until}{reason}"
    )


add_steering(app)
