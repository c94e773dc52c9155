"""How is one thing in an object changed, and nothing if somebody was faster? JSON Patch.

Source: RFC 6902, RFC 6901. A patch is taken as a whole or not at all. Only names, numbers and the
resource version are tested: API servers compare the bytes of JSON, in which a text may be escaped
in several ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Operation: TypeAlias = Mapping[str, Any]
Patch: TypeAlias = Sequence[Operation]

VERSION = "/metadata/resourceVersion"


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
    there = found["metadata"].get(kind) or {}
    if value is None:
        return [drop(pointer("metadata", kind, name))] if name in there else []
    if there.get(name) == value:
        return []
    if not there:
        return [put(pointer("metadata", kind), {name: value})]
    return [put(pointer("metadata", kind, name), value)]
