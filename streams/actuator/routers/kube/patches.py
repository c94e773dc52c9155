"""How is one thing in an object changed, and nothing if somebody was faster? JSON Patch.

Source: RFC 6902, RFC 6901. A patch is taken as a whole or not at all. Only names, numbers and the
resource version are tested: API servers compare the bytes of JSON, in which a text may be escaped
in several ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from streams.errors import TargetConflict

T = TypeVar("T")
Json: TypeAlias = dict[str, Any]
Operation: TypeAlias = Mapping[str, Any]
Patch: TypeAlias = Sequence[Operation]

VERSION = "/metadata/resourceVersion"
TRIES = 3
"""Writes of others (a status, another rollout's rule) may come between; they are no conflict."""


def pointer(*steps: str | int) -> str:
    """The path to a place in an object.

    >>> pointer("metadata", "annotations", "davy.dev/fence")
    '/metadata/annotations/davy.dev~1fence'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def expect(path: str, value: str | int) -> Operation:
    """The patch is refused unless this stands there."""
    return {"op": "test", "path": path, "value": value}


def put(path: str, value: object) -> Operation:
    """Put this there, in the place of what is there; what holds it must be there."""
    return {"op": "add", "path": path, "value": value}


def drop(path: str) -> Operation:
    """Take away what must be there."""
    return {"op": "remove", "path": path}


def unchanged(found: Json) -> Operation:
    """The object is still the one that was read, its status included."""
    return expect(VERSION, str(found["metadata"]["resourceVersion"]))


def set_meta(found: Json, kind: str, name: str, value: str | None) -> list[Operation]:
    """Set one of an object's `annotations` or `labels`; None takes it away."""
    return set_metas(found, kind, {name: value})


def set_metas(found: Json, kind: str, wanted: Mapping[str, str | None]) -> list[Operation]:
    """Set some of an object's `annotations` or `labels`; None takes one away."""
    there = found["metadata"].get(kind) or {}
    gone = [name for name, value in wanted.items() if value is None and name in there]
    news = {n: value for n, value in wanted.items() if value is not None and there.get(n) != value}
    if news and not there:
        return [put(pointer("metadata", kind), news)]
    drops = [drop(pointer("metadata", kind, name)) for name in gone]
    return drops + [put(pointer("metadata", kind, name), value) for name, value in news.items()]


def changes(path: str, old: object, new: object) -> list[Operation]:
    """What makes `new` of `old` at this place, touching nothing that is the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        gone = [drop(path + pointer(key)) for key in old if key not in new]
        return gone + [step for key in new for step in _change(path, old, new, key)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [step for at, (a, b) in pairs for step in changes(path + pointer(at), a, b)]
    return [] if old == new else [put(path, new)]


def _change(path: str, old: Json, new: Json, key: str) -> list[Operation]:
    place = path + pointer(key)
    return changes(place, old[key], new[key]) if key in old else [put(place, new[key])]


def again(act: Callable[[], T]) -> T:
    """Look and write; anew where somebody came between, TRIES times in all."""
    for _ in range(TRIES - 1):
        with suppress(TargetConflict):
            return act()
    return act()
