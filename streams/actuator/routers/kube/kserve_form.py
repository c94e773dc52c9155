"""What does a look at KServe's objects show, whatever the mode? Facts, and what modes share.

Source: KServe's API (serving.kserve.io) as of its controllers' code, August 2026.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streams.actuator.ports import Arms
from streams.actuator.routers.kube.client import Kind
from streams.actuator.routers.kube.patches import Json, Patch
from streams.errors import TargetRejected

MODE = "serving.kserve.io/deploymentMode"
STOP = "serving.kserve.io/stop"
LEGACY = {"Serverless": "Knative", "RawDeployment": "Standard"}
"""KServe's former names of its modes, and what they are called now."""
SERVICES = Kind(
    group="serving.kserve.io",
    version="v1beta1",
    name="InferenceService",
    plural="inferenceservices",
)
LONGEST_NOTE = 24

Found = Mapping[str, Json]
"""Name -> object, of all objects that make up a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a look shows, in the mode's own units."""

    asked: Arms
    """What the specs say."""
    served: Arms | None
    """What the controller says that it has put in force; None: it does not say yet.

    Where several say so, each candidate's highest share: together they may be more than the total.
    """
    agreed: bool = True
    """Whether all have said so, and the same."""
    unready: Mapping[str, str] = field(default_factory=dict)
    """Arm -> why it can take no more traffic now."""
    subject: str = ""
    """Which candidates these are; changes when somebody puts others in their places."""
    vacant: bool = False
    """There is no candidate yet, so its share is nothing whatever is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A patch of one of the objects."""

    name: str
    operations: Patch


class Form(Protocol):
    """One of KServe's modes, as pure functions over its objects."""

    @property
    def kind(self) -> Kind:
        """The kind of all its objects."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The objects that make up the target."""
        ...

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms, the baseline first."""
        ...

    @property
    def total(self) -> int:
        """What the weights of all arms add up to."""
        ...

    def look(self, found: Found, noted: str) -> View:
        """What the objects show.

        Args:
            found: The objects.
            noted: The subject that the rollout in force began with; empty if it has not.

        Raises:
            TargetRejected: this is not what davy may touch.
            TargetNotFound: an arm is not there.
        """
        ...

    def changes(self, found: Found, have: Arms, want: Arms) -> list[Change]:
        """Patches that bring the arms to these weights, in an order that never overshoots.

        Raises:
            TargetRejected: there is no way from here.
        """
        ...

    def farewell(self, found: Found) -> list[Change]:
        """What is left to do once a candidate has everything; nothing where it has not."""
        ...


def check_mode(found: Json, mode: str, option: str) -> None:
    """TargetRejected unless the object is of this deployment mode, or does not say."""
    notes = found["metadata"].get("annotations") or {}
    told = str(notes.get(MODE) or (found.get("status") or {}).get("deploymentMode") or mode)
    actual = LEGACY.get(told, told)
    if actual != mode:
        other = {"Knative": "serverless", "Standard": "standard"}.get(actual)
        advice = f"write `mode: {other}`" if other else "davy moves no traffic in that mode"
        raise TargetRejected(
            f"InferenceService {found['metadata']['name']} is deployed in mode {told}, "
            f"target.options.mode says {option} — {advice}"
        )


def is_stopped(found: Json) -> bool:
    """Whether somebody has put the service to rest."""
    return (found["metadata"].get("annotations") or {}).get(STOP) == "true"


def digest(*parts: object) -> str:
    """A short word that changes with any of the parts."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LONGEST_NOTE]
