"""How is traffic moved at ACME's gate? It watches a file: `{"shares": {"v1": 100, "v2": 0}}`.

A whole router for davy: what is in the file is a document, all else comes with `WatchedFileRouter`
(locks, fences, revisions, replacing the file as a whole). A target with an API has a class of its
own with the five verbs of `streams.actuator.ports.Router`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Arms, Capabilities, Fence, FenceKind
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.files import revision_of
from streams.actuator.routers.watched_file import SilentReader, WatchedFileRouter
from streams.errors import TargetRejected

NAME = "acme-gate"
PERCENT = 100
CAN = Capabilities(
    largest_weight=PERCENT, total=PERCENT, fence=FenceKind.NATIVE, survives_restart=True
)


@dataclass(frozen=True, slots=True)
class GateFile:
    """What is in the file."""

    content: Mapping[str, Any]
    services: Mapping[str, str]

    @property
    def fence(self) -> Fence | None:
        """See Document."""
        return Fence.parse(str(self.content.get("written_by", "")))

    @property
    def weights(self) -> Arms:
        """See Document; percent."""
        return {arm: int(self.content["shares"][name]) for arm, name in self.services.items()}

    @property
    def revision(self) -> str:
        """See Document."""
        return revision_of(json.dumps(self.content, sort_keys=True))

    def with_weights(self, weights: Arms, *, fence: Fence) -> str:
        """See Document."""
        shares = {name: weights[arm] for arm, name in self.services.items()}
        return json.dumps({**self.content, "shares": shares, "written_by": str(fence)})

    def with_fence(self, fence: Fence) -> str:
        """See Document."""
        return json.dumps({**self.content, "written_by": str(fence)})


@declared(
    About(
        target="ACME's gate: watched file",
        can=CAN,
        counterpart="a file",
        checks=(Check.CONTRACT,),
    )
)
def open_gate(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - the gate tells no requests apart
) -> WatchedFileRouter:
    """`file`: what the gate watches; `services`: arm -> name in it."""
    read.check_names(options, known=("file", "services"), router=NAME)
    path = Path(read.text(options, "file", router=NAME, example="/etc/acme-gate.json"))
    services = read.per_arm(options, "services", arms, router=NAME)

    def parse(text: str) -> GateFile:
        try:
            found = GateFile(json.loads(text), services)
            _ = found.weights, found.fence
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TargetRejected(f"{path}: no file of the gate's ({error!r})") from error
        return found

    return WatchedFileRouter(path, arms, parse, SilentReader(), CAN)
