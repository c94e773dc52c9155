"""What does a spec say of mirrored copies? The mode, and how long a pair of answers may take."""

from __future__ import annotations

from streams.spec import choices, defaults, units
from streams.spec.model import Mode, Unit
from streams.spec.provenance import Told
from streams.spec.reader import Block, derived, refuse, scalar, written

NOT_IN_SHADOW = {
    "segments": "copies are not judged by segment",
    "unit": "copies are compared request by request",
    "outcomes": "an outcome belongs to the answer that was used, and no copy's is",
}


def read_mode(block: Block) -> Told[Mode]:
    """`live` or `shadow`; what shadow mode cannot do is refused where it stands."""
    told = block.take("mode", choices.mode, default=defaults.MODE)
    if told.value is Mode.SHADOW:
        for key, why in NOT_IN_SHADOW.items():
            node = block.get(key)
            if node is not None and getattr(node, "value", None) != Unit.REQUEST:
                refuse(node, why, f"leave `{key}` out in shadow mode")
    return told


def read_pair_within(block: Block, mode: Mode, timeout_s: float) -> Told[float]:
    """How long a pair may take to be complete: as long as a request, unless the spec says so."""
    node = block.get("pair_within")
    if node is None:
        return Told(timeout_s, derived("timeout"))
    if mode is Mode.LIVE:
        refuse(node, "pair_within is of mirrored copies", "write `mode: shadow`, or leave it out")
    found = scalar(node, units.duration, what="pair_within")
    if found == 0:
        refuse(node, "pair_within is 0", "write a time above 0")
    return Told(found, written(node))
