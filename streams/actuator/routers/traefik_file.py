"""What is in Traefik's dynamic file, and how does it look with other weights?

Only the numbers of the weights and a first line that carries the fence are written: they are
replaced where they stand, so comments and layout stay. Source: Traefik, "Weighted Round Robin".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import yaml

from streams.actuator.ports import Arms, Fence
from streams.actuator.routers.files import revision_of
from streams.errors import TargetNotFound, TargetRejected
from streams.yaml_lines import compose, entries, where

MARK = "# "
WHOLE = re.compile(r"[0-9]{1,9}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted:
    """Whose weights they are."""

    file: str
    service: str
    services: Mapping[str, str]
    """Arm -> name of its service in the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraefikFile:
    """A parsed file."""

    text: str
    places: Mapping[str, tuple[int, int, int]]
    """Arm -> weight, and from where to where it stands in the text."""
    fence: Fence | None

    @classmethod
    def parse(cls, text: str, split: Weighted) -> Self:
        """Read a file.

        Raises:
            TargetNotFound: it has no such service.
            TargetRejected: it is not YAML, or davy must not touch that service.
        """
        root = compose(text, name=split.file, error=TargetRejected)
        places = {}
        for node in _listed(root, split):
            found = entries(node, what="a weighted service", error=TargetRejected)
            arm = _arm(found, node, split)
            if arm in places:
                raise TargetRejected(f"{where(node)}: {arm} stands twice — keep one")
            places[arm] = _weight(found, node)
        if missing := [name for arm, name in split.services.items() if arm not in places]:
            raise TargetNotFound(
                f"{split.file}: service {split.service} lists no {', '.join(missing)} — add "
                f"`- {{name: {missing[0]}, weight: 0}}`"
            )
        order = {arm: places[arm] for arm in split.services}
        return cls(text=text, places=order, fence=_fence(text))

    @property
    def revision(self) -> str:
        """See Document."""
        return revision_of(str(dict(self.weights)), str(self.fence))

    @property
    def weights(self) -> Arms:
        """See Document."""
        return {arm: weight for arm, (weight, _, _) in self.places.items()}

    def with_weights(self, weights: Arms, *, fence: Fence) -> str:
        """See Document."""
        text = self.text
        for arm, (_, begin, end) in sorted(self.places.items(), key=lambda place: -place[1][1]):
            text = f"{text[:begin]}{weights[arm]}{text[end:]}"
        return _fenced(text, fence)

    def with_fence(self, fence: Fence) -> str:
        """See Document."""
        return _fenced(self.text, fence)


def _listed(root: yaml.Node | None, split: Weighted) -> list[yaml.Node]:
    """The entries of the weighted service."""
    node, path = root, ""
    for name in ("http", "services", split.service, "weighted"):
        path = f"{path}.{name}".lstrip(".")
        found = {} if node is None else entries(node, what=path, error=TargetRejected)
        if name not in found:
            raise TargetNotFound(f"{split.file}: there is no {path}; is this the file and service?")
        node = found[name][1]
    weighted = entries(node, what=path, error=TargetRejected) if node is not None else {}
    if "sticky" in weighted:
        raise TargetRejected(
            f"{where(weighted['sticky'][0])}: sticky cookies keep users where a lowered weight "
            "does not want them any more — remove `sticky` from the weighted service"
        )
    listed = weighted["services"][1] if "services" in weighted else None
    if not isinstance(listed, yaml.SequenceNode):
        raise TargetRejected(f"{split.file}: {path}.services is no list — restore the file")
    return list(listed.value)


def _arm(found: Mapping[str, tuple[yaml.Node, yaml.Node]], node: yaml.Node, split: Weighted) -> str:
    arm_of = {name: arm for arm, name in split.services.items()}
    name = str(found["name"][1].value) if "name" in found else ""
    if name not in arm_of:
        raise TargetRejected(
            f"{where(node)}: {name or 'an entry without name'} belongs to no arm — {split.service} "
            f"must list {', '.join(arm_of)} alone"
        )
    return arm_of[name]


def _weight(
    found: Mapping[str, tuple[yaml.Node, yaml.Node]], node: yaml.Node
) -> tuple[int, int, int]:
    number = found["weight"][1] if "weight" in found else None
    if not isinstance(number, yaml.ScalarNode) or not WHOLE.match(number.value):
        raise TargetRejected(f"{where(node)}: its weight is no whole number — write `weight: 0`")
    return int(number.value), number.start_mark.index, number.end_mark.index


def _fence(text: str) -> Fence | None:
    first = text.partition("\n")[0]
    return Fence.parse(first.removeprefix(MARK)) if first.startswith(MARK) else None


def _fenced(text: str, fence: Fence) -> str:
    """The text with this fence as its first line, in the place of an earlier one."""
    rest = text.partition("\n")[2] if _fence(text) else text
    return f"{MARK}{fence}\n{rest}"
