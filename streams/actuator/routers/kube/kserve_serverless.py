"""How does an InferenceService on Knative split traffic? By `canaryTrafficPercent`.

The latest revision gets that much, the one that was rolled out last the rest. Without the field the
latest has everything at once, so who deploys a candidate writes `canaryTrafficPercent: 0` with it.
"""

from __future__ import annotations

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
from streams.actuator.routers.kube.patches import Json, drop, pointer, put
from streams.errors import TargetRejected
from streams.spec.model import BASELINE

FIELD = "canaryTrafficPercent"
PLACE = pointer("spec", "predictor", FIELD)
PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Serverless:
    """See Form. One object, one candidate: the latest revision of its predictor."""

    name: str
    candidate: str

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
        return (BASELINE, self.candidate)

    @property
    def total(self) -> int:
        """See Form."""
        return PERCENT

    def look(self, found: Found, noted: str) -> View:
        """See Form; a latest revision that is rolled out is a candidate only if davy knows it."""
        service = self._checked(found)
        told = _told(service)
        created, rolled = told.get("latestCreatedRevision", ""), told.get("latestRolledoutRevision")
        subject = f"{created} {digest(_model(service))}"
        if not rolled or (created == rolled and noted != subject):
            return self._vacant("nothing is rolled out yet" if not rolled else "")
        ready = told.get("latestReadyRevision") == created
        return View(
            asked=self._arms(_asked(service)),
            served=self._arms(_served(told, created)),
            unready={} if ready else {self.candidate: f"revision {created} is not ready"},
            subject=subject,
        )

    def _vacant(self, why: str) -> View:
        why = why or f"no candidate revision; deploy it with {FIELD}: 0"
        nobody = self._arms(0)
        return View(asked=nobody, served=nobody, unready={self.candidate: why}, vacant=True)

    def changes(self, found: Found, have: Arms, want: Arms) -> list[Change]:  # noqa: ARG002
        """See Form."""
        return [Change(name=self.name, operations=[put(PLACE, want[self.candidate])])]

    def farewell(self, found: Found) -> list[Change]:
        """See Form; without the field the candidate is what later ones are compared with."""
        service = found[self.name]
        told = _told(service)
        everything = _asked(service) == _served(told, told.get("latestCreatedRevision")) == PERCENT
        if not everything or FIELD not in service["spec"]["predictor"]:
            return []
        return [Change(name=self.name, operations=[drop(PLACE)])]

    def _arms(self, percent: int) -> Arms:
        return {BASELINE: PERCENT - percent, self.candidate: percent}

    def _checked(self, found: Found) -> Json:
        service = found[self.name]
        check_mode(service, "Knative", "serverless")
        if service["spec"].get("canary"):
            raise TargetRejected(
                f"InferenceService {self.name}: spec.canary is for mode Standard, and on Knative "
                f"nobody heeds it; take it out, davy sets spec.predictor.{FIELD}"
            )
        return service


def _told(service: Json) -> Json:
    components = (service.get("status") or {}).get("components") or {}
    return dict(components.get("predictor") or {})


def _asked(service: Json) -> int:
    percent = service["spec"]["predictor"].get(FIELD)
    return PERCENT if percent is None else min(PERCENT, max(0, int(percent)))


def _served(told: Json, revision: object) -> int:
    entries = [one for one in told.get("traffic") or [] if one.get("revisionName") == revision]
    return min(PERCENT, sum(int(one.get("percent") or 0) for one in entries))


def _model(service: Json) -> Json:
    """The predictor without its share: any change of it is another revision."""
    return {name: said for name, said in service["spec"]["predictor"].items() if name != FIELD}
