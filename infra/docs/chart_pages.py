"""How are the chart's values told? As values.yaml, as a strict JSON Schema, and as a table."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.docs.chart_files import HEAD
from infra.docs.chart_values import Part, Runs, Values
from streams.settings import Settings

WIDTH = 100
FIRST = "worker"
"""The component whose values stand for those of all."""
OWNED = frozenset({"config", "bootstrap", "kafka", "registry", "signing", "http", "instance_id"})
"""Settings that follow from other values, or that differ from pod to pod."""
DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest that every Helm 3 understands."""
Json = dict[str, Any]
Row = tuple[str, str, str]


def values_yaml() -> str:
    """The chart's values.yaml."""
    lines = "\n".join(_lines(Values(), 0, set()))
    return f"{HEAD}# The table of all values: README.md.\n{lines}\n"


def _lines(part: Part, depth: int, told: set[type]) -> Iterator[str]:
    """YAML of a part, each value under what it means; what a kind of part has is told once."""
    pad = "  " * depth
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if _owner(type(part), name) not in told:
            start = f"{pad}# "
            text = field.description or _sentence(value)
            yield from textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=start)
        if isinstance(value, Part):
            yield f"{pad}{field.alias}:"
            yield from _lines(value, depth + 1, told)
        else:
            yield f"{pad}{field.alias}: {_flow(value)}"
    told.update(type(part).__mro__)


def _owner(kind: type, name: str) -> type:
    """The class that declares a field."""
    return next(each for each in kind.__mro__ if name in inspect.get_annotations(each))


def _sentence(value: object) -> str:
    return " ".join((type(value).__doc__ or "").split()) if isinstance(value, Part) else ""


def _flow(value: object) -> str:
    """A value on one line: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def rows() -> list[Row]:
    """Value, default and meaning; what a component has as the worker has it is told once."""
    leaves = [*_leaves(Values(), "")]
    others = {name for name, each in Values() if isinstance(each, Runs)} - {FIRST}
    common = {path: said for path, *said in leaves}
    return [
        (f"`{path}`", f"`{default}`" if default else "", text)
        for path, default, text in leaves
        if not (
            path.partition(".")[0] in others
            and common.get(f"{FIRST}.{path.partition('.')[2]}") == [default, text]
        )
    ]


def _leaves(part: Part, above: str) -> Iterator[Row]:
    for name, field in type(part).model_fields.items():
        value, path = getattr(part, name), f"{above}{field.alias}"
        text = " ".join((field.description or "").split())
        if isinstance(value, Part):
            if text:
                yield path, "", text
            yield from _leaves(value, f"{path}.")
        else:
            yield path, "" if value in ("", [], {}, None) else _flow(value), text


def schema() -> str:
    """values.schema.json: what is not named there is refused, in the settings too."""
    found = _untitled(Values.model_json_schema(by_alias=True))
    settings = _untitled(Settings.model_json_schema())
    kept = {name: field for name, field in settings["properties"].items() if name not in OWNED}
    known = settings.get("$defs", {})
    needed = {name: known[name] for name in sorted(_named(kept, known))}
    if both := needed.keys() & found["$defs"].keys():
        raise ValueError(f"values and settings both have a kind called {', '.join(both)}")
    found["$defs"] |= needed
    found["properties"]["settings"] |= {"properties": kept, "additionalProperties": False}
    found["properties"]["global"] = {"type": "object", "description": "Of a chart around this one."}
    return json.dumps({"$schema": DRAFT, **found}, indent=2) + "\n"


def _named(value: object, known: Mapping[str, Json]) -> set[str]:
    """The kinds to which a schema refers, and those to which they refer."""
    waiting = {*_references(value)}
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= {*_references(known[name])} - found
    return found


def _references(value: object) -> Collection[str]:
    return re.findall(r'"#/\$defs/([^"]+)"', json.dumps(value))


def _untitled(value: Any) -> Any:
    """A schema without the titles that only repeat names; a property called `title` stays."""
    if isinstance(value, list):
        return [_untitled(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {"title"} if isinstance(value.get("title"), str) else set()
    return {name: _untitled(one) for name, one in value.items() if name not in told}
