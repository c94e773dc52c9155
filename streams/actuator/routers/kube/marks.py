"""What does davy write beside weights on an object? Who wrote last, and whom the rollout is about.

Both are annotations. The fence stops whoever comes too late; the subject says which candidate the
rollout began with, so that evidence for one never moves another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from streams.actuator.ports import Fence
from streams.actuator.routers.kube.patches import Json, Operation, set_meta
from streams.errors import TargetConflict

FENCE = "davy.dev/fence"
SUBJECT = "davy.dev/candidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What stands on an object; nothing where davy never wrote."""

    fence: Fence | None = None
    subject: str = ""

    @classmethod
    def of(cls, found: Json) -> Self:
        """Read them; what is not davy's is nothing."""
        there = found["metadata"].get("annotations") or {}
        return cls(
            fence=Fence.parse(str(there.get(FENCE, ""))), subject=str(there.get(SUBJECT, ""))
        )

    def subject_for(self, rollout: str) -> str:
        """The candidate with which this rollout began; empty where it has not."""
        return self.subject if self.fence is not None and self.fence.rollout == rollout else ""


def check_fence(where: str, there: Fence | None, fence: Fence) -> None:
    """TargetConflict where a write under `fence` comes too late."""
    if there is not None and there.forbids(fence):
        raise TargetConflict(f"stale: {where} carries {there}, this write is {fence}")


def leave(found: Json, fence: Fence, subject: str) -> list[Operation]:
    """Operations that leave both; a claim that is there is never taken back."""
    there = Marks.of(found).fence
    meta = found["metadata"]
    first = set_meta(found, "annotations", FENCE, str(fence.after(there)))
    # The second annotation is added to what the first has made.
    with_first = meta | {"annotations": {FENCE: "", **(meta.get("annotations") or {})}}
    return [*first, *set_meta({"metadata": with_first}, "annotations", SUBJECT, subject or None)]
