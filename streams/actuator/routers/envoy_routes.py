"""What do the routes of an Envoy give to whom, and are its entries those that davy would write?

Entries are taken at their word and written anew in thought; where that comes out differently,
somebody changed them. Then nobody knows who gets what: those who should get less are told the
most that any entry gives, the others the least, so that such a change is never overlooked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from streams.actuator.ports import Arms, Segments
from streams.actuator.routers import envoy_split
from streams.actuator.routers.envoy_entries import AND, HASHED, Layout
from streams.actuator.routers.envoy_match import narrows
from streams.actuator.routers.segments import least
from streams.actuator.weights import higher_of, home
from streams.spec.model import ALL_SEGMENT, BASELINE, MIRROR, UNTARGETED

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A route of the name, and davy's entries right in front of it."""

    layout: Layout
    base: Json
    entries: tuple[Json, ...]
    strays: bool
    """Whether entries of davy's stand elsewhere in the virtual host."""

    def weights(self) -> Segments:
        """What everybody gets here."""
        found = self._told()
        if not self._is_ours(found):
            return self._doubtful(found)
        have, want = self.shape(), self.layout.entries(found)
        if have == want:
            return found
        if _narrowed(have, want):
            return found | home(self.layout.clusters, found.keys() - {MIRROR})
        return self._doubtful(found)

    def shape(self) -> list[Json]:
        """The entries, apart from what they copy of the route."""
        return [self.layout.projection(entry, self.base) for entry in self.entries]

    def _told(self) -> dict[str, Arms]:
        """Segment -> shares, as the entries' names have it; of two of a name the higher ones."""
        found: dict[str, Arms] = {ALL_SEGMENT: self._shares(self.base)}
        for entry in self.entries:
            label = self.layout.label(entry).removeprefix(HASHED)
            if AND not in label:
                shares = self._shares(entry)
                found = {**found, **higher_of({label: found.get(label, shares)}, {label: shares})}
        if self.layout.audience.rules and UNTARGETED not in found:
            found[UNTARGETED] = self._most()
        return found | self._copies(self.base)

    def _is_ours(self, found: Segments) -> bool:
        """Whether davy would write entries of these names, here, and the route itself so."""
        same = self._shares(self.base) == found[ALL_SEGMENT]
        return not self.strays and same and self._knows(found)

    def _knows(self, found: Segments) -> bool:
        known = {ALL_SEGMENT, UNTARGETED, MIRROR, *self.layout.audience.shown}
        return found.keys() <= known

    def _doubtful(self, found: Segments) -> Segments:
        most, few = self._most(), self._least(found)
        guarded = {name for name in found if name not in {ALL_SEGMENT, MIRROR}}
        if self.layout.audience.rules:
            guarded.add(UNTARGETED)
        told = {ALL_SEGMENT: few if guarded else most} | dict.fromkeys(sorted(guarded), most)
        return reduce(higher_of, map(self._copies, self.entries), told | self._copies(self.base))

    def _most(self) -> Arms:
        each: list[Segments] = [
            {ALL_SEGMENT: self._shares(route)} for route in (self.base, *self.entries)
        ]
        return reduce(higher_of, each)[ALL_SEGMENT]

    def _least(self, found: Segments) -> Arms:
        """What `all` has at least: an entry that is as it should be takes nothing from it."""
        good = self.layout.entries(found) if self._knows(found) else []
        shapes = zip(self.entries, self.shape(), strict=True)
        bad = [e for e, shape in shapes if shape not in good and shape["label"] != UNTARGETED]
        return least(self._shares(route) for route in (self.base, *bad))

    def _copies(self, route: Json) -> dict[str, Arms]:
        """The mirror of a route; empty where it copies nothing."""
        policies = route.get("route", {}).get("request_mirror_policies", [])
        found = envoy_split.mirrored(policies, self.layout.clusters)
        return {MIRROR: found} if found[BASELINE] < sum(found.values()) else {}

    def _shares(self, route: Json) -> dict[str, int]:
        split = envoy_split.of(route)
        return envoy_split.shares(split, self.layout.clusters, self.layout.ranges)


def _narrowed(have: list[Json], want: list[Json]) -> bool:
    """Whether all that is wrong is that fewer people are let in."""
    if not have or not want or have[0]["label"] != UNTARGETED:
        return False
    mended = [{**have[0], "headers": want[0]["headers"]}, *have[1:]]
    return mended == want and narrows(have[0]["headers"], want[0]["headers"])


def blocks(configuration: Json, layout: Layout) -> Iterator[Block]:
    """Every route of the layout's name in a RouteConfiguration, over all virtual hosts."""
    for host in configuration.get("virtual_hosts", []):
        found = [*_runs(host.get("routes", []), layout)]
        strays = any(base is None and run for run, base in found)
        for run, base in found:
            if base is not None:
                yield Block(layout=layout, base=base, entries=run, strays=strays)


def _runs(routes: list[Json], layout: Layout) -> Iterator[tuple[tuple[Json, ...], Json | None]]:
    """Rows of davy's entries, each with the route of the name that follows it, if one does."""
    run: list[Json] = []
    for route in [*routes, {}]:
        if layout.owns(route):
            run.append(route)
            continue
        yield tuple(run), route if route.get("name") == layout.route else None
        run = []


def write(configuration: Json, layout: Layout, weights: Segments) -> None:
    """Give every route of the name these weights, with the entries that they need."""
    for host in configuration.get("virtual_hosts", []):
        written: list[Json] = []
        for route in _without(host, layout):
            if route.get("name") == layout.route:
                written += layout.written(route, weights)
                layout.set_base(route, weights)
            written.append(route)
        if "routes" in host:
            host["routes"] = written


def strip(configuration: Json, layout: Layout) -> bool:
    """Take davy's entries away, the routes stay as they are; whether there were any."""
    found = False
    for host in configuration.get("virtual_hosts", []):
        kept = _without(host, layout)
        if len(kept) < len(host.get("routes", [])):
            host["routes"], found = kept, True
    return found


def _without(host: Json, layout: Layout) -> list[Json]:
    return [route for route in host.get("routes", []) if not layout.owns(route)]


def everywhere(found: Iterable[Block]) -> Segments:
    """What the routes give; where they differ, the higher candidate share. Empty without any."""
    each: list[Segments] = [block.weights() for block in found]
    return reduce(higher_of, each) if each else {}
