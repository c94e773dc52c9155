"""Which entries stand in front of davy's route, so that audiences and segments get their weights?

Each is a copy of the route with more header matchers and a split of its own; the first that
matches wins. In front: whom no rule names. Then combinations of segments with weights of their
own, the most special first, each candidate with the least share of any segment in it. The route
itself is `all`. Where there are rules every request tells its service whether it is targeted.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Arms, Segments
from streams.actuator.routers import envoy_split
from streams.actuator.routers.envoy_match import hash_rules, missing, showing, unnamed
from streams.actuator.routers.segments import least, own_segments
from streams.actuator.weights import home
from streams.errors import TargetRejected
from streams.spec.model import ALL_SEGMENT, MIRROR, UNTARGETED
from streams.spec.targeting import NOT_TARGETED, TARGETED, UserHashRule

Json = dict[str, Any]
TAG = "/davy "
HASHED = "user_hash "
AND = " & "


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: its name after the route's, whom it takes, and what they get."""

    label: str
    headers: tuple[Json, ...]
    shares: Arms
    hashed: bool = False
    outside: bool = False
    """Whether it takes those whom no rule names: never copied to a candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What all entries of a route have in common."""

    route: str
    clusters: Mapping[str, str]
    audience: Audience

    @property
    def ranges(self) -> list[UserHashRule]:
        """The user-hash ranges."""
        return hash_rules(self.audience)

    def owns(self, route: Json) -> bool:
        """Whether an entry is one of davy's for this route."""
        return str(route.get("name", "")).startswith(self.route + TAG)

    def label(self, route: Json) -> str:
        """What an entry of davy's is for."""
        return str(route["name"]).removeprefix(self.route + TAG)

    def entries(self, weights: Segments) -> list[Json]:
        """Everything that must stand in front of the route, apart from what it copies of it."""
        return [self._projected(entry, weights) for entry in self._needed(weights)]

    def written(self, base: Json, weights: Segments) -> list[Json]:
        """The entries as copies of the route."""
        return [self._written(base, entry, weights) for entry in self._needed(weights)]

    def set_base(self, base: Json, weights: Segments) -> None:
        """Give the route itself the weights of `all`, everything else kept."""
        action = base["route"]
        split = action["weighted_clusters"]
        action["weighted_clusters"] = envoy_split.plain(split, weights[ALL_SEGMENT], self.clusters)
        self._set_mirror(action, weights.get(MIRROR, {}))

    def projection(self, route: Json, base: Json) -> Json:
        """Of an entry that is there, what `entries` tells of one."""
        action, split = route.get("route", {}), envoy_split.of(route)
        common = len(_headers(base))
        others = {k: v for k, v in route.get("match", {}).items() if k != "headers"}
        same = others == {k: v for k, v in base.get("match", {}).items() if k != "headers"}
        return {
            "label": self.label(route),
            "headers": _headers(route)[common:],
            "same_match": same and _headers(route)[:common] == _headers(base),
            "clusters": list(map(_drawn, split["clusters"])),
            "user": "" if _draws(route) == _draws(base) else _hashing(route),
            "mirror": envoy_split.mirrored(_policies(action), self.clusters),
        }

    def _projected(self, entry: Entry, weights: Segments) -> Json:
        names = {"clusters": [{"name": name} for name in self.clusters.values()]}
        split = self._split(names, entry)
        mirror = None if entry.outside else weights.get(MIRROR)
        nothing = home(self.clusters)[ALL_SEGMENT]
        return {
            "label": entry.label,
            "headers": list(entry.headers),
            "same_match": True,
            "clusters": list(map(_drawn, split["clusters"])),
            "user": self.ranges[0].header if entry.hashed else "",
            "mirror": dict(mirror or nothing),
        }

    def _written(self, base: Json, entry: Entry, weights: Segments) -> Json:
        made = copy.deepcopy(base)
        made["name"] = self.route + TAG + entry.label
        made["match"]["headers"] = [*_headers(base), *entry.headers]
        action = made["route"]
        action["weighted_clusters"] = self._split(action["weighted_clusters"], entry)
        if entry.hashed:
            header = {"header_name": self.ranges[0].header}
            others = action.get("hash_policy", [])
            action["hash_policy"] = [{"header": header, "terminal": True}, *others]
        self._set_mirror(action, {} if entry.outside else weights.get(MIRROR, {}))
        return made

    def _split(self, split: Json, entry: Entry) -> Json:
        if entry.hashed:
            return envoy_split.hashed(split, entry.shares, self.clusters, self.ranges)
        mark = NOT_TARGETED if entry.outside else TARGETED * bool(self.audience.rules)
        return envoy_split.plain(split, entry.shares, self.clusters, mark)

    def _set_mirror(self, action: Json, mirror: Arms) -> None:
        policies = envoy_split.copied(_policies(action), mirror, self.clusters)
        if policies:
            action["request_mirror_policies"] = policies
        else:
            action.pop("request_mirror_policies", None)

    def _needed(self, weights: Segments) -> Iterator[Entry]:
        outside, ranges = tuple(unnamed(self.audience)), self.ranges
        if self.audience.rules:
            nobody = (*outside, missing(ranges[0].header)) if ranges else outside
            shares = home(self.clusters)[ALL_SEGMENT]
            yield Entry(label=UNTARGETED, headers=nobody, shares=shares, outside=True)
        special = [*self._combinations(weights)]
        everybody = Entry(label=ALL_SEGMENT, headers=(), shares=weights[ALL_SEGMENT])
        if ranges:
            for entry in (*special, everybody):
                headers = (*outside, *entry.headers)
                label = HASHED + entry.label
                yield Entry(label=label, headers=headers, shares=entry.shares, hashed=True)
        if outside or not ranges:
            yield from special
        if outside:  # as the route itself, but its requests tell that they are targeted
            yield everybody

    def _combinations(self, weights: Segments) -> Iterator[Entry]:
        """Combinations of segments whose weights are their own, the most special first."""
        dimensions: dict[str, list[str]] = {}
        for segment in own_segments(weights):
            dimensions.setdefault(segment.partition("=")[0], []).append(segment)
        chosen = itertools.product(*([*names, ""] for names in dimensions.values()))
        mixes = [tuple(filter(None, mix)) for mix in chosen]
        for mix in sorted(filter(None, mixes), key=len, reverse=True):
            yield Entry(
                label=AND.join(mix),
                headers=tuple(matcher for segment in mix for matcher in self._shown(segment)),
                shares=least(weights[segment] for segment in mix),
            )

    def _shown(self, segment: str) -> list[Json]:
        shown = self.audience.shown.get(segment)
        if shown is None:
            raise TargetRejected(
                f"segment {segment}: no header tells who is of it; name one under `segments`"
            )
        return showing(shown)


def _drawn(cluster: Json) -> tuple[str, int, str]:
    weight = int(cluster.get("weight", 0))
    return str(cluster.get("name")), weight, envoy_split.mark_of(cluster)


def _headers(route: Json) -> list[Json]:
    return list(route.get("match", {}).get("headers", []))


def _policies(action: Json) -> list[Json]:
    return list(action.get("request_mirror_policies", []))


def _draws(route: Json) -> tuple[bool, list[Json]]:
    """How a route draws: by what hash, or by chance."""
    by_hash = bool(envoy_split.of(route).get("use_hash_policy"))
    return by_hash, list(route.get("route", {}).get("hash_policy", [])) if by_hash else []


def _hashing(route: Json) -> str:
    """The header whose hash alone decides; a word that is no header where another thing does."""
    by_hash, policies = _draws(route)
    first: Json = policies[0] if by_hash and policies else {}
    header = first.get("header", {}) if first.get("terminal") else {}
    plainly = header.keys() == {"header_name"}
    return str(header["header_name"]) if plainly else "?"
