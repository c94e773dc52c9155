"""Which rollouts are there, and may this one begin? Read from the log, refused with the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.actuator.weights import differs
from streams.cli.log import Log
from streams.errors import LogError
from streams.judge.decision_facts import Action, Decision
from streams.judge.record import decision_from_record
from streams.spec.model import RolloutSpec
from streams.yaml_lines import did_you_mean

ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRollout:
    """A rollout that was applied."""

    spec: RolloutSpec
    applied_by: str
    lease: str | None
    """LIVE, ENDED, or None while no judge has taken it up."""

    @property
    def live(self) -> bool:
        """Whether it may still move traffic."""
        return self.lease != ENDED

    @property
    def state(self) -> str:
        """One word for a person."""
        return {None: "new", "LIVE": "live", ENDED: "ended"}.get(self.lease, "live")


def known_rollouts(log: Log) -> dict[str, KnownRollout]:
    """Every rollout by id."""
    leases: dict[str, str] = {}
    for entry in log.read("leases"):
        if entry.record is not None:
            leases[entry.key] = str(entry.record["state"])
    found: dict[str, KnownRollout] = {}
    for entry in log.read("rollouts"):
        if entry.record is None:
            found.pop(entry.key, None)
            continue
        found[entry.key] = KnownRollout(
            spec=RolloutSpec.from_json(entry.record["spec"]),
            applied_by=str(entry.record["applied_by"]),
            lease=leases.get(entry.key),
        )
    return found


def rollout_record(spec: RolloutSpec, *, applied_by: str) -> dict[str, Any]:
    """The record of `rollouts` that begins a rollout."""
    return {
        "rollout": spec.rollout,
        "service": spec.service,
        "route": spec.route,
        "baseline": spec.baseline,
        "candidates": {candidate.name: candidate.version for candidate in spec.candidates},
        "spec_hash": spec.spec_hash,
        "spec": spec.to_json(),
        "applied_by": applied_by,
    }


def find(known: Mapping[str, KnownRollout], rollout: str) -> KnownRollout:
    """The rollout, or LogError with the nearest name."""
    if rollout not in known:
        hint = did_you_mean(rollout, known) if known else "none was applied yet"
        raise LogError(f"there is no rollout `{rollout}`; {hint}")
    return known[rollout]


def is_new(spec: RolloutSpec, known: Mapping[str, KnownRollout]) -> bool:
    """False if just this spec was applied before and still lives.

    Raises:
        LogError: the id has ended or has another spec, or another rollout lives on this
            (service, route).
    """
    same = known.get(spec.rollout)
    if same is not None and not same.live:
        raise LogError(
            f"rollout `{spec.rollout}` has ended and its evidence is not used again; "
            f"give this attempt an id of its own: `rollout: {spec.rollout}-2`"
        )
    if same is not None and same.spec.spec_hash == spec.spec_hash:
        return False
    if same is not None:
        raise LogError(
            f"rollout `{spec.rollout}` was applied with another spec ({same.spec.spec_hash[:8]}, "
            f"this is {spec.spec_hash[:8]}) and a rollout never changes; "
            f"give this attempt an id of its own: `rollout: {spec.rollout}-2`"
        )
    for other in _rivals(spec, known.values()):
        raise LogError(
            f"service `{spec.service}`, route `{spec.route}` has a live rollout "
            f"`{other.spec.rollout}`; wait for its end or run `davy rollout abort "
            f"{other.spec.rollout}`"
        )
    return True


def is_moving(known: KnownRollout, log: Log) -> bool:
    """Whether a rollout that was decided for good still raises its share, step by step."""
    target = known.spec.target
    if known.live or target.dry_run or not (target.max_step_bp or target.dwell_s):
        return False
    last = log.newest("routing", known.spec.rollout)
    if last is None or last.record is None:
        return True
    return not last.record["terminal"] or differs(
        last.record["applied_bp"], last.record["desired_bp"]
    )


def check_free(spec: RolloutSpec, known: Mapping[str, KnownRollout], log: Log) -> None:
    """LogError where another rollout was decided for good, but its target is still on the way."""
    for other in known.values():
        same = (other.spec.service, other.spec.route) == (spec.service, spec.route)
        if same and is_moving(other, log):
            raise LogError(
                f"rollout `{other.spec.rollout}` still raises its candidate step by step; wait for "
                f"its end (`davy rollout status {other.spec.rollout}`) or abort it"
            )


def _rivals(spec: RolloutSpec, known: Iterable[KnownRollout]) -> Iterable[KnownRollout]:
    place = (spec.service, spec.route)
    return (
        other for other in known if other.live and place == (other.spec.service, other.spec.route)
    )


def check_approvable(spec: RolloutSpec, stage: int) -> None:
    """LogError where a person's yes to this stage would mean nothing."""
    waiting = [index for index, each in enumerate(spec.stages) if each.approval]
    if stage in waiting:
        return
    asked = ", ".join(map(str, waiting)) or "none"
    raise LogError(
        f"stage {stage} of rollout `{spec.rollout}` needs no approval; stages that do: {asked}. "
        "Choose one with --stage; `davy rollout promote` gives all traffic on a person's word"
    )


def check_not_rolled_back(spec: RolloutSpec, known: Mapping[str, KnownRollout], log: Log) -> None:
    """LogError where a candidate's version was rolled back on this service before."""
    versions = {candidate.version for candidate in spec.candidates}
    for other in known.values():
        tried = versions & {candidate.version for candidate in other.spec.candidates}
        if other.live or other.spec.service != spec.service or not tried:
            continue
        last = newest_decision(log, other.spec.rollout)
        if last is not None and last.action is Action.ROLLBACK:
            raise LogError(
                f"version `{min(tried)}` was rolled back in rollout `{other.spec.rollout}` "
                f"(`davy explain {other.spec.rollout}` tells why); to try it once more, say --again"
            )


def newest_decision(log: Log, rollout: str) -> Decision | None:
    """The last decision of a rollout."""
    entry = log.newest("decisions", rollout)
    if entry is None or entry.record is None:
        return None
    return decision_from_record(entry.record)
