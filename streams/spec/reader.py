"""How is one value read out of YAML so that a mistake names its line and a remedy?

`Block` is a mapping with known keys; `take` reads a scalar with a parser of `units` and falls
back to a default; every value comes back with its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn, TypeVar

import yaml

from streams.errors import SpecError
from streams.spec import units
from streams.spec.provenance import Origin, Source, Told
from streams.spec.units import UnitError
from streams.yaml_lines import did_you_mean, entries, kind, where

T = TypeVar("T")
DEFAULT = Source(origin=Origin.DEFAULT)


def refuse(node: yaml.Node, problem: str, instead: str) -> NoReturn:
    """Raise SpecError `file:line: what — what to write instead`."""
    raise SpecError(f"{where(node)}: {problem} — {instead}")


def written(node: yaml.Node) -> Source:
    """The source of what stands at this node."""
    return Source(origin=Origin.FILE, at=where(node))


def derived(what: str) -> Source:
    """The source of a value that follows from others."""
    return Source(origin=Origin.DERIVED, at=what)


def listed(node: yaml.Node, *, what: str, instead: str) -> list[yaml.Node]:
    """The items of a list that holds one at least; SpecError with its line otherwise."""
    if isinstance(node, yaml.SequenceNode) and node.value:
        return list(node.value)
    found = "empty" if isinstance(node, yaml.SequenceNode) else kind(node)
    refuse(node, f"{what} is {found}", instead)


def scalar(node: yaml.Node, parse: Callable[[str], T], *, what: str) -> T:
    """Parse a scalar's text as it was written; SpecError with its line otherwise."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
        refuse(node, f"{what} is {kind(node)}", "write one value here")
    try:
        return parse(" ".join(node.value.split()))
    except UnitError as failure:
        refuse(node, f"{what}: {failure.problem}", failure.instead)


class Block:
    """A mapping of the spec; unknown keys are refused when it is opened."""

    def __init__(self, node: yaml.Node, *, what: str, known: Iterable[str]) -> None:
        self.node = node
        self.what = what
        self._entries = entries(node, what=what, error=SpecError)
        names = set(known)
        for key, (at, _) in self._entries.items():
            if key not in names:
                refuse(at, f"unknown key `{key}` in {what}", did_you_mean(key, names))

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str) -> yaml.Node | None:
        """The value's node, None where the key is absent."""
        return self._entries[key][1] if key in self._entries else None

    def need(self, key: str, *, example: str) -> yaml.Node:
        """The value's node; SpecError with an example where the key is absent."""
        node = self.get(key)
        if node is None:
            refuse(self.node, f"{self.what} has no `{key}`", f"add e.g. `{example}`")
        return node

    def take(self, key: str, parse: Callable[[str], T], *, default: str) -> Told[T]:
        """The key's value, or the default read by the same parser."""
        node = self.get(key)
        if node is None:
            return Told(parse(default), DEFAULT)
        return Told(scalar(node, parse, what=key), written(node))

    def take_optional(self, key: str, parse: Callable[[str], T]) -> Told[T] | None:
        """The key's value, None where it is absent."""
        node = self.get(key)
        return None if node is None else Told(scalar(node, parse, what=key), written(node))


def words(block: Block, key: str, *, example: str) -> Told[str]:
    """A text that every spec must give, and its source."""
    node = block.need(key, example=example)
    return Told(scalar(node, units.words, what=key), written(node))
