"""Which routers are there, what can they do, and how was that tried?

Every router is looked at by itself: one that cannot be loaded is told as such, and hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from streams.actuator.ports import Capabilities, Kind, Sticky
from streams.actuator.routers import BUILT_IN, factory_of, plugins, router_names
from streams.actuator.routers.declared import About, abouts_of
from streams.errors import RouterError
from streams.spec.model import FULL_BP

DAVY = "davy"
UNTOLD = "its package tells nothing of it (streams.actuator.routers.declared)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One router, or one of its variants."""

    name: str
    source: str
    """`davy`, or the package that brings it, with its version."""
    about: About | None = None
    trouble: str = ""
    """Why nothing is told of it."""


def built_in() -> list[Listed]:
    """Those of davy itself."""
    return [row for name in sorted(BUILT_IN) for row in _told(name, DAVY)]


def everything() -> list[Listed]:
    """Those of davy, then those of other packages here."""
    others = {entry.name: entry for entry in plugins() if entry.name not in BUILT_IN}
    found = [row for name in sorted(others) for row in _told(name, _source(others[name]))]
    return built_in() + found


def of_name(name: str) -> list[Listed]:
    """One router, a row for each of its variants.

    Raises:
        TargetNotFound: no router has that name.
    """
    if name not in router_names():
        factory_of(name)
    return [row for row in everything() if row.name == name]


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _told(name: str, source: str) -> Iterator[Listed]:
    try:
        abouts = abouts_of(factory_of(name))
    except RouterError as error:
        yield Listed(name=name, source=source, trouble=str(error))
        return
    if not abouts:
        yield Listed(name=name, source=source, trouble=UNTOLD)
    for about in abouts:
        yield Listed(name=name, source=source, about=about)


def finest(can: Capabilities) -> str:
    """The least share above nothing, for a person.

    >>> from streams.actuator.ports import FenceKind
    >>> finest(Capabilities(largest_weight=256, fence=FenceKind.PROCESS, survives_restart=True))
    '0.39 %'
    """
    if can.kind is Kind.GATE:
        return "its own steps"
    parts = can.total or can.largest_weight + 1
    return "0.01 %" if parts >= FULL_BP else f"{100 / parts:.2f} %"


def _yes(*, so: bool) -> str:
    return "yes" if so else "no"


STICKY = {
    Sticky.NO: "no",
    Sticky.AS_SET_UP: "as set up, unsalted",
    Sticky.YES: "salted",
}
"""And whether other users come first in each rollout."""
COLUMNS: dict[str, Callable[[About], str]] = {
    "target": lambda about: about.target,
    "finest share": lambda about: finest(about.can),
    "sticky": lambda about: STICKY[about.can.sticky],
    "segments": lambda about: _yes(so=about.can.segments),
    "rules": lambda about: ", ".join(sorted(about.can.rules)) or "none",
    "copies": lambda about: _yes(so=about.can.mirror),
    "fence": lambda about: about.can.fence,
    "checks first": lambda about: _yes(so=about.can.dry_run),
    "kept on restart": lambda about: _yes(so=about.can.survives_restart),
    "tested on": lambda about: f"{about.counterpart}: {', '.join(about.checks)}",
}
"""What is told of each, for a person."""


BRIEF = ("finest share", "sticky", "segments", "copies", "fence")
"""What stands in a table of 100 columns."""


def brief(row: Listed) -> list[str]:
    """A row of that table, the router's name first."""
    if row.about is None:
        return [row.name, *["?"] * len(BRIEF)]
    return [_called(row), *(COLUMNS[column](row.about) for column in BRIEF)]


def _called(row: Listed) -> str:
    return f"{row.name} ({row.about.variant})" if row.about and row.about.variant else row.name


def cells(row: Listed) -> list[str]:
    """The columns of a row, the router's name first."""
    if row.about is None:
        return [row.name, row.trouble, *[""] * (len(COLUMNS) - 1)]
    return [_called(row), *(tell(row.about) for tell in COLUMNS.values())]


def record(row: Listed) -> dict[str, Any]:
    """A row for programs; `trouble` alone where nothing is told."""
    known = {"router": row.name, "source": row.source}
    if row.about is None:
        return known | {"trouble": row.trouble}
    can = row.about.can
    return known | {
        "variant": row.about.variant,
        "target": row.about.target,
        "kind": can.kind,
        "largest_weight": can.largest_weight,
        "total": can.total,
        "sticky": can.sticky,
        "segments": can.segments,
        "rules": sorted(can.rules),
        "mirror": can.mirror,
        "fence": can.fence,
        "dry_run": can.dry_run,
        "survives_restart": can.survives_restart,
        "tested_on": row.about.counterpart,
        "checks": list(row.about.checks),
    }
