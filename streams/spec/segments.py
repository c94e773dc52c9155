"""Which slices of the traffic are watched on their own? `segments: {country: [SG, DE]}`.

A router that must tell slices apart needs to know by which header a request shows its value:
`segments: {country: {values: [SG, DE], header: x-country}}`.

Dimensions and values come in one order however the file is written, so that the spec's hash
speaks of content alone. How many there may be in all is checked by the model.
"""

from __future__ import annotations

import yaml

from streams.errors import SpecError
from streams.spec import units
from streams.spec.dimensions import MOST_DIMENSIONS, MOST_VALUES, OTHER_VALUE, Dimension
from streams.spec.provenance import Source
from streams.spec.reader import Block, listed, refuse, scalar, written
from streams.spec.rules import header_name
from streams.yaml_lines import entries, kind

EXAMPLE = "segments: {country: [SG, DE]}"
Segments = tuple[tuple[Dimension, ...], dict[str, Source]]


def read_segments(node: yaml.Node | None) -> Segments:
    """The declared dimensions, and where each was written; none without a node."""
    if node is None:
        return (), {}
    if kind(node) == "empty":
        refuse(node, "segments is empty", f"leave it out, or write e.g. `{EXAMPLE}`")
    found = entries(node, what="segments", error=SpecError)
    if len(found) > MOST_DIMENSIONS:
        most = f"declare at most {MOST_DIMENSIONS}"
        refuse(node, f"segments has {len(found)} dimensions", most)
    dimensions = [_dimension(key, values) for key, values in found.values()]
    sources = {f"segments.{name}": written(values) for name, (_, values) in found.items()}
    return tuple(sorted(dimensions, key=lambda dimension: dimension.name)), sources


def _dimension(key: yaml.Node, node: yaml.Node) -> Dimension:
    name = scalar(key, units.name, what="a dimension of segments")
    what = f"segments.{name}"
    header = None
    if isinstance(node, yaml.MappingNode):
        block = Block(node, what=what, known=("values", "header"))
        header = scalar(block.need("header", example="header: x-country"), header_name, what=what)
        node = block.need("values", example="values: [SG, DE]")
    items = listed(node, what=what, instead="list its values, e.g. `[SG, DE]`")
    if len(items) > MOST_VALUES:
        refuse(
            node,
            f"{what} has {len(items)} values",
            f"declare at most {MOST_VALUES}; the rest is `{name}={OTHER_VALUE}`",
        )
    values: set[str] = set()
    for item in items:
        values.add(_value(item, what, values))
    return Dimension(name=name, values=tuple(sorted(values)), header=header)


def _value(item: yaml.Node, what: str, taken: set[str]) -> str:
    value = scalar(item, units.name, what=f"a value of {what}")
    if value == OTHER_VALUE:
        refuse(item, f"{what} declares `{value}`", "it is what is not declared: leave it out")
    if value in taken:
        refuse(item, f"{what} declares {value} twice", "leave one of them out")
    return value
