"""What is in a flagd file of flags, and how does it look with other weights?

Only the one `fractional` rule of the flag and its metadata `davy` (the fence) are written.
Candidates stand first, so a user whom a small share took stays as it grows. Source: flagd, "Flag
definitions" and "Fractional operation"; OpenFeature's file resolvers read the same file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from streams.actuator.ports import MARK, Arms, Fence
from streams.actuator.routers.files import revision_of
from streams.actuator.routers.foreign import understood
from streams.errors import TargetNotFound, TargetRejected
from streams.spec.model import BASELINE

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Whose rule it is."""

    where: str
    name: str
    variants: Mapping[str, str]
    """Arm -> variant."""
    key: str
    """What a user is known by in the evaluation context: `targetingKey`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFile:
    """A parsed file."""

    flag: Flag
    document: Json
    found: Json
    """The flag's definition in the document."""
    rule: Json
    """The object in it whose `fractional` gives the shares."""

    @classmethod
    def parse(cls, text: str, flag: Flag) -> Self:
        """Read a file.

        Raises:
            TargetNotFound: it has no such flag.
            TargetRejected: it is not flags in JSON, or davy must not touch that flag.
        """
        advice = "restore the file"
        with understood(flag.where, "flags in JSON", error=TargetRejected, advice=advice):
            document = json.loads(text)
            found = document["flags"].get(flag.name)
            if found is None:
                raise TargetNotFound(f"{flag.where}: there is no flag {flag.name}")
            _check(found, flag)
            rules = [*_fractional(found.get("targeting", {}))]
            if len(rules) != 1:
                raise TargetRejected(
                    f"{flag.where}: flag {flag.name} has {len(rules)} fractional rules, davy needs "
                    f"one — write {json.dumps(_example(flag))}"
                )
            read = cls(flag=flag, document=document, found=found, rule=rules[0])
            _ = read.revision  # reads all that davy will: whoever holds a file can use it
        return read

    @property
    def fence(self) -> Fence | None:
        """See Document."""
        return Fence.parse(str(self.found.get("metadata", {}).get(MARK, "")))

    @property
    def revision(self) -> str:
        """See Document."""
        shares = json.dumps(self.rule["fractional"])
        return revision_of(shares, str(dict(self.weights)), str(self.fence))

    @property
    def weights(self) -> Arms:
        """See Document."""
        arm_of = {variant: arm for arm, variant in self.flag.variants.items()}
        given = dict.fromkeys(self.flag.variants, 0)
        shares = [entry for entry in self.rule["fractional"] if isinstance(entry, list)]
        order = [arm_of.get(entry[0], "") for entry in shares]
        for arm, (_, *weight) in zip(order, shares, strict=True):
            if arm not in given:
                raise TargetRejected(
                    f"{self.flag.where}: flag {self.flag.name} gives shares to other variants than "
                    f"{', '.join(arm_of)}"
                )
            given[arm] += _whole(weight[0] if weight else 1)
        return given

    def with_weights(self, weights: Arms, *, fence: Fence) -> str:
        """See Document; each rollout has a salt of its own, so other users come first."""
        candidates = [arm for arm in weights if arm != BASELINE]
        shares = [[self.flag.variants[arm], weights[arm]] for arm in (*candidates, BASELINE)]
        salt = f"{self.flag.name}:{fence.rollout}:"
        rule = {"fractional": [{"cat": [salt, {"var": self.flag.key}]}, *shares]}
        return self._text(rule, fence)

    def with_fence(self, fence: Fence) -> str:
        """See Document."""
        return self._text(self.rule, fence)

    def _text(self, rule: Json, fence: Fence) -> str:
        """The file's text with another rule and fence; this object is used up."""
        self.rule.update(rule)
        self.found.setdefault("metadata", {})[MARK] = str(fence)
        return json.dumps(self.document, indent=2, ensure_ascii=False) + "\n"


def _check(found: Json, flag: Flag) -> None:
    """TargetRejected where a share of users could get something else than the rule says."""
    named = f"{flag.where}: flag {flag.name}"
    if found.get("state", "ENABLED") != "ENABLED":
        raise TargetRejected(f'{named} is not enabled — write `"state": "ENABLED"`')
    if missing := [name for name in flag.variants.values() if name not in found["variants"]]:
        raise TargetRejected(f"{named} has no variant {', '.join(missing)}")
    if found.get("defaultVariant") != flag.variants[BASELINE]:
        raise TargetRejected(
            f"{named}: whoever has no {flag.key} gets the default variant — make it "
            f"{flag.variants[BASELINE]}"
        )


def _fractional(node: object) -> Iterator[Json]:
    """Every object that has a `fractional`, wherever it stands."""
    if isinstance(node, dict):
        if isinstance(node.get("fractional"), list):
            yield node
        below: Iterator[object] = iter(node.values())
    else:
        below = iter(node if isinstance(node, list) else ())
    for one in below:
        yield from _fractional(one)


def _whole(weight: object) -> int:
    if not isinstance(weight, int) or isinstance(weight, bool) or weight < 0:
        raise ValueError(f"weight {weight!r}")
    return weight


def _example(flag: Flag) -> Json:
    variants = flag.variants
    shares = [[name, 0] for arm, name in variants.items() if arm != BASELINE]
    return {"targeting": {"fractional": [*shares, [variants[BASELINE], 100]]}}
