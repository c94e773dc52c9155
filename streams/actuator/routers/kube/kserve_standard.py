"""How does an InferenceService in mode Standard split traffic? By entries of `spec.canary`.

Each candidate is an entry with a predictor of its own, known by its name; the predictor of the
service has what they leave. An entry that is not ready gets nothing. To promote without a restart,
the predictor takes the candidate's name and model, and the entry goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.actuator.ports import Arms
from streams.actuator.routers.kube.client import Kind
from streams.actuator.routers.kube.kserve_form import (
    SERVICES,
    Change,
    Found,
    View,
    check_mode,
    digest,
)
from streams.actuator.routers.kube.patches import (
    Json,
    Operation,
    drop,
    expect,
    pointer,
    put,
)
from streams.errors import TargetNotFound, TargetRejected
from streams.spec.model import BASELINE

PERCENT = 100
REPLICAS = "minReplicas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """See Form. One object; candidates by the names of their predictors."""

    name: str
    canaries: Mapping[str, str]
    """Candidate -> name of its predictor."""

    @property
    def kind(self) -> Kind:
        """See Form."""
        return SERVICES

    @property
    def names(self) -> tuple[str, ...]:
        """See Form."""
        return (self.name,)

    @property
    def arms(self) -> tuple[str, ...]:
        """See Form."""
        return (BASELINE, *self.canaries)

    @property
    def total(self) -> int:
        """See Form."""
        return PERCENT

    def look(self, found: Found, noted: str) -> View:  # noqa: ARG002
        """See Form."""
        service = self._checked(found)
        entries, promoted = self._entries(service), self._promoted(service)
        told = {one["name"]: one for one in (service.get("status") or {}).get("canaryStatuses", [])}
        asked = {arm: int(entry["trafficPercent"]) for arm, (_, entry) in entries.items()}
        served = {
            arm: int(told[name]["trafficPercent"])
            for arm, name in self.canaries.items()
            if name in told and arm != promoted
        }
        known = {entry["predictor"]["name"]: entry["predictor"] for _, entry in entries.values()}
        return View(
            asked=self._arms(asked, promoted),
            served=self._arms(served, promoted) if served.keys() == asked.keys() else None,
            unready={
                arm: f"predictor {name} is not ready"
                for arm, name in self.canaries.items()
                if arm != promoted and not told.get(name, {}).get("ready")
            },
            subject="" if promoted else digest(*(_model(known[name]) for name in sorted(known))),
        )

    def changes(self, found: Found, have: Arms, want: Arms) -> list[Change]:
        """See Form; every entry's name is tested, for its place in the list may be another's."""
        service = self._checked(found)
        promoted = self._promoted(service)
        if promoted and have != want:
            raise TargetRejected(
                f"InferenceService {self.name}: predictor {self.canaries[promoted]} was promoted "
                "and is the service's own; to go back, apply the former predictor"
            )
        operations: list[Operation] = []
        for arm, (place, _) in self._entries(service).items():
            operations.append(expect(_at(place, "predictor", "name"), self.canaries[arm]))
            operations.append(put(_at(place, "trafficPercent"), want[arm]))
        return [Change(name=self.name, operations=operations)]

    def farewell(self, found: Found) -> list[Change]:
        """See Form; the number of replicas stays the service's own."""
        service = found[self.name]
        for arm, (place, entry) in self._entries(service).items():
            if entry["trafficPercent"] == PERCENT and not self.look(found, "").unready.get(arm):
                promoted = _merged(service["spec"]["predictor"], _model(entry["predictor"]))
                operations = [
                    expect(_at(place, "predictor", "name"), self.canaries[arm]),
                    put(pointer("spec", "predictor"), promoted),
                    drop(_at(place)),
                ]
                return [Change(name=self.name, operations=operations)]
        return []

    def _arms(self, percents: Arms, promoted: str) -> Arms:
        rest = {promoted or BASELINE: PERCENT - sum(percents.values())}
        return {BASELINE: 0, **dict.fromkeys(self.canaries, 0), **percents, **rest}

    def _promoted(self, service: Json) -> str:
        """The candidate that is the service's own predictor by now; empty if none is."""
        own = service["spec"]["predictor"].get("name")
        return next((arm for arm, name in self.canaries.items() if name == own), "")

    def _entries(self, service: Json) -> dict[str, tuple[int, Json]]:
        """Candidate -> its place in the list and its entry; a promoted one has none."""
        listed = service["spec"].get("canary") or []
        by_name = {entry["predictor"]["name"]: (k, entry) for k, entry in enumerate(listed)}
        missing = [
            name
            for arm, name in self.canaries.items()
            if name not in by_name and arm != self._promoted(service)
        ]
        if missing:
            raise TargetNotFound(
                f"InferenceService {self.name}: spec.canary has no entry with predictor.name "
                f"{', '.join(missing)}; it has {', '.join(by_name) or 'none'}"
            )
        return {arm: by_name[name] for arm, name in self.canaries.items() if name in by_name}

    def _checked(self, found: Found) -> Json:
        service = found[self.name]
        check_mode(service, "Standard", "standard")
        if service["spec"]["predictor"].get("canaryTrafficPercent") is not None:
            raise TargetRejected(
                f"InferenceService {self.name}: canaryTrafficPercent is for Knative, and in mode "
                "Standard nobody heeds it; take it out, davy sets spec.canary[].trafficPercent"
            )
        known = set(self.canaries.values())
        busy = [
            str(entry["predictor"]["name"])
            for entry in service["spec"].get("canary") or []
            if entry["trafficPercent"] and entry["predictor"]["name"] not in known
        ]
        if busy:
            raise TargetRejected(
                f"InferenceService {self.name}: {', '.join(busy)} takes traffic but belongs to no "
                "arm; name it in target.options.canaries or set its trafficPercent to 0"
            )
        return service


def _at(place: int, *steps: str) -> str:
    return pointer("spec", "canary", place, *steps)


def _model(predictor: Json) -> Json:
    """What makes a predictor that predictor: all but how many there are of it."""
    return {name: said for name, said in predictor.items() if name != REPLICAS}


def _merged(below: Json, above: Json) -> Json:
    """One predictor laid over another as KServe lays a canary over the service's own."""
    merged = dict(below)
    for name, said in above.items():
        there = merged.get(name)
        both = isinstance(there, dict) and isinstance(said, dict)
        merged[name] = _merged(there, said) if both and there is not None else said
    return merged
