"""What does davy note on an object? Who wrote last, what was written, and that it is at work.

A note of its own for each rule of an object, so that two rollouts may share one object.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from streams.actuator.ports import Fence, Segments
from streams.actuator.routers.foreign import NOT_UNDERSTOOD
from streams.actuator.routers.kube.patches import Json, Operation, set_metas

DOMAIN = "davy.dev"
LABEL = f"{DOMAIN}/canary"
AT_WORK = "in-progress"
"""The label's value from the first change until the rollout's end: GitOps may look away then."""
NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,38}[A-Za-z0-9])?$")
WEIGHTS = f"{DOMAIN}/weights"


def suffix(name: str) -> str:
    """What tells the notes of this rule from others; names that cannot stand there are hashed.

    >>> suffix("primary"), suffix(""), suffix("for all!")
    ('.primary', '', '.92c1f55c0fa29f52')
    """
    if not name or NAME.match(name):
        return f".{name}" if name else ""
    return "." + hashlib.sha256(name.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """The notes of one rule of an object; `of` is empty where the object has one rule."""

    of: str = ""

    @property
    def fence_name(self) -> str:
        """The annotation with the fence."""
        return f"{DOMAIN}/fence{suffix(self.of)}"

    @property
    def weights_name(self) -> str:
        """The annotation with what was written."""
        return f"{WEIGHTS}{suffix(self.of)}"

    def fence(self, found: Json) -> Fence | None:
        """Who wrote last."""
        return Fence.parse(str(_annotations(found).get(self.fence_name, "")))

    def weights(self, found: Json) -> Segments | None:
        """What was written; None where nothing is noted, or nothing that makes sense."""
        try:
            told = json.loads(_annotations(found)[self.weights_name])
            return {str(s): {str(a): int(b) for a, b in arms.items()} for s, arms in told.items()}
        except NOT_UNDERSTOOD:
            return None

    def sign(self, found: Json, fence: Fence) -> list[Operation]:
        """Leave a fence and nothing else."""
        return set_metas(found, "annotations", self._fence(found, fence))

    def begin(self, found: Json, fence: Fence, weights: Segments) -> list[Operation]:
        """Leave a fence, what is written under it, and that davy is at work."""
        told = json.dumps(weights, separators=(",", ":"))
        notes = self._fence(found, fence) | {self.weights_name: told}
        return [
            *set_metas(found, "annotations", notes),
            *set_metas(found, "labels", {LABEL: AT_WORK}),
        ]

    def rest(self, found: Json, fence: Fence | None = None) -> list[Operation]:
        """Leave a fence if there is a new one, and that davy is not at work."""
        notes = {} if fence is None else self._fence(found, fence)
        others = [
            n for n in _annotations(found) if n.startswith(WEIGHTS) and n != self.weights_name
        ]
        gone = set_metas(found, "annotations", {**notes, self.weights_name: None})
        return gone if others else [*gone, *set_metas(found, "labels", {LABEL: None})]

    def leave(self, found: Json) -> list[Operation]:
        """Note that davy is done, but that its rules stay: what was written explains them."""
        return set_metas(found, "labels", {LABEL: None})

    def _fence(self, found: Json, fence: Fence) -> dict[str, str | None]:
        return {self.fence_name: str(fence.after(self.fence(found)))}


def _annotations(found: Json) -> Json:
    return dict(found["metadata"].get("annotations") or {})
