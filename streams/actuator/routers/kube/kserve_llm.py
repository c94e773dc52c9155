"""How do LLMInferenceServices of one group split traffic? In proportion to their weights.

Every arm is a service of its own. Each controller routes to all members that it knows to be ready,
so what is in force is what the status of every member tells. While they differ, or one tells
nothing, it is the highest that any tells of a candidate, and nothing is proven. Weights are basis
points here, so each member has its share of 10000; objects are patched one by one, in an order in
which no candidate ever has more than before or after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from streams.actuator.ports import Arms, Segments
from streams.actuator.routers.kube.client import Kind
from streams.actuator.routers.kube.kserve_form import Change, Found, View, digest, is_stopped
from streams.actuator.routers.kube.patches import Json, expect, pointer, put
from streams.actuator.weights import higher_of, in_order, measured
from streams.errors import TargetRejected
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP

MEMBERS = Kind(
    group="serving.kserve.io",
    version="v1alpha2",
    name="LLMInferenceService",
    plural="llminferenceservices",
)
ROUTE = ("spec", "router", "route")


@dataclass(frozen=True, slots=True, kw_only=True)
class Llm:
    """See Form. One object an arm."""

    members: Mapping[str, str]
    """Arm -> name of its service."""

    @property
    def kind(self) -> Kind:
        """See Form."""
        return MEMBERS

    @property
    def names(self) -> tuple[str, ...]:
        """See Form."""
        return tuple(self.members.values())

    @property
    def arms(self) -> tuple[str, ...]:
        """See Form."""
        return tuple(self.members)

    @property
    def total(self) -> int:
        """See Form."""
        return FULL_BP

    def look(self, found: Found, noted: str) -> View:  # noqa: ARG002
        """See Form."""
        self._check(found)
        tables = {arm: _table(found[name]) for arm, name in self.members.items()}
        told = [self._shares(table) for table in tables.values() if table is not None]
        return View(
            asked={arm: _weight(found[name]) for arm, name in self.members.items()},
            served=reduce(higher_of, told)[ALL_SEGMENT] if told else None,
            agreed=len(told) == len(self.members) and all(one == told[0] for one in told),
            unready={
                arm: f"{name} is not among the members that {self.members[BASELINE]} routes to"
                for arm, name in self.members.items()
                if not _routes_to(tables[BASELINE], name) or is_stopped(found[name])
            },
            subject=digest(*(_model(found[self.members[arm]]) for arm in self._candidates())),
        )

    def changes(self, found: Found, have: Arms, want: Arms) -> list[Change]:
        """See Form; the name of the group is tested, for weights mean nothing in another."""
        place, group = pointer(*ROUTE, "weight"), pointer(*ROUTE, "group")
        return [
            Change(
                name=self.members[arm],
                operations=[
                    expect(group, _group(found[self.members[arm]])),
                    put(place, want[arm]),
                ],
            )
            for arm in in_order(have, want)
        ]

    def farewell(self, found: Found) -> list[Change]:  # noqa: ARG002
        """See Form: a member without weight is nothing that davy added."""
        return []

    def _candidates(self) -> list[str]:
        return [arm for arm in self.members if arm != BASELINE]

    def _shares(self, table: Mapping[str, int]) -> Segments:
        weights = {arm: table.get(name, 0) for arm, name in self.members.items()}
        return {ALL_SEGMENT: measured(weights)}

    def _check(self, found: Found) -> None:
        groups = {name: _group(found[name]) for name in self.names}
        if "" in groups.values() or len(set(groups.values())) > 1:
            told = ", ".join(f"{name}: {group or 'none'}" for name, group in groups.items())
            raise TargetRejected(
                f"LLMInferenceService: all members need one spec.router.route.group, with a "
                f"weight; they have {told}"
            )
        others = {
            name
            for member in found.values()
            for name, weight in (_table(member) or {}).items()
            if weight and name not in self.names
        }
        if others:
            raise TargetRejected(
                f"group {groups[self.names[0]]}: {', '.join(sorted(others))} takes traffic but "
                "belongs to no arm; name it in target.options.members or set its weight to 0"
            )


def _route(member: Json) -> Json:
    router = member["spec"].get("router") or {}
    return dict(router.get("route") or {})


def _group(member: Json) -> str:
    route = _route(member)
    return str(route.get("group") or "") if "weight" in route else ""


def _weight(member: Json) -> int:
    return 0 if is_stopped(member) else int(_route(member)["weight"])


def _table(member: Json) -> dict[str, int] | None:
    """Member -> weight in the routes of this member; None: its controller has not told."""
    told = ((member.get("status") or {}).get("router") or {}).get("group")
    if told is None:
        return None
    return {
        str(one["name"]): 0 if one.get("stopped") else int(one["weight"])
        for one in told.get("members") or []
    }


def _routes_to(table: Mapping[str, int] | None, name: str) -> bool:
    return table is not None and name in table


def _model(member: Json) -> Json:
    """A member without its share and its number of replicas."""
    spec = {name: said for name, said in member["spec"].items() if name != "replicas"}
    route = {name: said for name, said in _route(member).items() if name != "weight"}
    return spec | {"router": spec.get("router", {}) | {"route": route}}
