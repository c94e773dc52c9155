"""`davy rollout list` and `davy rollout status`: where does it stand, and why?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from streams.cli import show
from streams.cli.common import Bootstrap, Config, Json, JsonLines, Prefix, settings_of
from streams.cli.log import Entry, Log
from streams.cli.rollouts import KnownRollout, find, known_rollouts, newest_decision
from streams.cli.waiting import busy, measured
from streams.judge.decision_facts import Decision
from streams.judge.explain import explain
from streams.judge.record import decision_to_record

Rollout = Annotated[str, typer.Argument(help="Rollout id.", show_default=False)]
Looked = tuple[KnownRollout, Decision | None]
HEADERS = ("rollout", "service", "route", "baseline", "candidates", "state", "last", "weights")


def list_rollouts(
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: JsonLines = False,  # noqa: FBT002 - a flag
) -> None:
    """Every rollout: where it stands and what was decided last.

    Example: davy rollout list --json
    """
    log = Log(settings_of(config, bootstrap, prefix))
    with measured("reading rollouts") as step:
        found = list(_looked(log, step))
    if as_json:
        show.records(_record(*each) for each in found)
    else:
        show.table(HEADERS, (_row(*each) for each in found))


def _looked(log: Log, step: Callable[[int, int], None]) -> Iterator[Looked]:
    known = sorted(known_rollouts(log).items())
    for done, (name, rollout) in enumerate(known, start=1):
        yield rollout, newest_decision(log, name)
        step(done, len(known))


def _row(known: KnownRollout, decision: Decision | None) -> tuple[str, ...]:
    spec = known.spec
    candidates = ", ".join(candidate.version for candidate in spec.candidates)
    last = (decision.action, show.by_segment(decision.weights_bp)) if decision else ("-", "-")
    facts = (spec.rollout, spec.service, spec.route, spec.baseline, candidates)
    return (*facts, known.state, *last)


def _record(known: KnownRollout, decision: Decision | None) -> dict[str, Any]:
    spec = known.spec
    return {
        "rollout": spec.rollout,
        "service": spec.service,
        "route": spec.route,
        "baseline": spec.baseline,
        "candidates": {candidate.name: candidate.version for candidate in spec.candidates},
        "state": known.state,
        "action": decision.action if decision else None,
        "reason": decision.reason if decision else None,
        "stage": decision.stage if decision else None,
        "weights_bp": decision.weights_bp if decision else None,
    }


def status(
    rollout: Rollout,
    config: Config = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Newest decision with its evidence, lease, and what the router has.

    Example: davy rollout status digits-v2
    """
    log = Log(settings_of(config, bootstrap, prefix))
    with busy(f"reading {rollout}"):
        known = find(known_rollouts(log), rollout)
        decision = newest_decision(log, rollout)
        routing, lease = log.newest("routing", rollout), log.newest("leases", rollout)
    if as_json:
        show.say(json.dumps(_told(known, decision, routing)))
        return
    _print_status(known, lease, decision, routing)


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
